"""The I2C bus that an emulated chip is on: in this process, or on a TCP port, with `lib/i2c.py` at the other end."""

from __future__ import annotations

import errno
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Self

from tools.emulator.secure_element import BusStuck, Chip


class ChipBus:
    """The chip on a bus in this process, used like a machine.I2C. `pass_s` lets the time of a transfer go by."""

    def __init__(self, chip: Chip, pass_s: Callable[[float], None] = time.sleep) -> None:
        self._chip = chip
        self._pass_s = pass_s

    def writeto(self, address: int, data: bytes | bytearray | memoryview) -> int:
        try:
            is_acknowledged = self._chip.write(address, bytes(data))
        except BusStuck:
            raise OSError(errno.ETIMEDOUT, "stuck") from None
        self._pass_s(transfer_s(len(data) if is_acknowledged else 0, self._chip.bus_hz))
        if not is_acknowledged:
            raise OSError(errno.ENODEV, "not acknowledged")
        return len(data)

    def readfrom_into(self, address: int, buffer: bytearray | memoryview) -> None:
        try:
            data = self._chip.read(address, len(buffer))
        except BusStuck:
            raise OSError(errno.ETIMEDOUT, "stuck") from None
        self._pass_s(transfer_s(len(buffer) if data else 0, self._chip.bus_hz))
        if data is None:
            raise OSError(errno.ENODEV, "not acknowledged")
        buffer[:] = data


class ElementServer:
    """On 127.0.0.1. In threads of its own, as the terminal blocks on it, whoever else in this process is busy."""

    def __init__(self, chip: Chip, port: int = 0) -> None:
        lock = threading.Lock()
        bus = ChipBus(chip)

        class Line(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                hello = self.rfile.read(4)
                while len(request := self.rfile.read(3)) == 3:
                    data = self.rfile.read(request[2]) if request[:1] == b"W" else b""
                    with lock:
                        chip.bus_hz = int.from_bytes(hello, "big")
                        reply = _answer_request(bus, request, data)
                    if reply is None:
                        continue
                    try:
                        self.wfile.write(reply)
                    except ConnectionError:  # the terminal was reset: that is what it does
                        return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", port), Line)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer_request(bus: ChipBus, request: bytes, data: bytes) -> bytes | None:
    """None: the bus hangs."""
    address, size = request[1], request[2]
    try:
        if request[:1] == b"W":
            bus.writeto(address, data)
            return b"\x01"
        buffer = bytearray(size)
        bus.readfrom_into(address, buffer)
        return b"\x01" + buffer
    except OSError as error:
        return None if error.errno == errno.ETIMEDOUT else b"\x00"


def transfer_s(size: int, bus_hz: int) -> float:
    """Start, address and so many bytes, nine bits each."""
    return 9 * (1 + size) / bus_hz
