"""I2C of an emulated board: `machine.I2C` as far as drivers use it, over a socket to the emulated parts.

Blocking, as on a chip. The other end is `ElementServer` of `tools/emulator/secure_element.py`, on $SHIMING_I2C_PORT.
After connecting: the clock in Hz (4 bytes, most significant first). Then `W address size data`, answered by 1
(acknowledged) or 0, and `R address size`, answered by 0 or by 1 and the data. A bus that hangs does not answer.
"""

import errno
import socket

TIMEOUT_S = 0.05  # what the ports of MicroPython wait for a bus that hangs
CONNECT_TIMEOUT_S = 2


class I2C:
    def __init__(self, port: int, freq: int = 100_000) -> None:
        self._port = port
        self._freq = freq
        self._socket = None

    def writeto(self, address: int, data: bytes) -> int:
        self._exchange(b"W" + bytes((address, len(data))) + bytes(data), None)
        return len(data)

    def readfrom_into(self, address: int, buffer: bytearray) -> None:
        self._exchange(b"R" + bytes((address, len(buffer))), buffer)

    def _exchange(self, request: bytes, buffer: bytearray | None) -> None:
        try:
            if self._socket is None:
                self._socket = self._connect()
            self._socket.send(request)  # 75 bytes at most: the socket takes them whole
            is_acknowledged = self._receive(1)[0]
            if is_acknowledged and buffer is not None:
                buffer[:] = self._receive(len(buffer))
        except OSError:
            # whatever it was, the next answer on this connection could be that to an earlier request
            self._close()
            raise OSError(errno.ETIMEDOUT) from None
        if not is_acknowledged:
            raise OSError(errno.ENODEV)

    def _connect(self) -> socket.socket:
        line = socket.socket()
        line.settimeout(CONNECT_TIMEOUT_S)
        line.connect(socket.getaddrinfo("127.0.0.1", self._port)[0][-1])
        line.settimeout(TIMEOUT_S)
        line.send(self._freq.to_bytes(4, "big"))
        return line

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise OSError(errno.EIO)
            data += part
        return data

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
