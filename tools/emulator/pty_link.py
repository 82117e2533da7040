"""Our end of a pseudo-terminal: raw, non-blocking, with a queue for what the far side has not taken yet."""

import asyncio
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable

from tools.emulator.errors import PortFailed

_CHUNK_BYTES = 16384


class PtyLink:
    def __init__(self, on_data: Callable[[bytes], None], on_drained: Callable[[], None] | None = None) -> None:
        try:
            self._fd, self.far_fd = os.openpty()
        except OSError as error:
            raise PortFailed(f"no pseudo-terminal to be had: {error.strerror}") from error
        # The far end stays open here too: with no holder its settings would fall back to an echoing terminal's.
        tty.setraw(self.far_fd)
        self.path = os.ttyname(self.far_fd)
        os.set_blocking(self._fd, False)
        self._loop = asyncio.get_running_loop()
        self._on_data = on_data
        self._on_drained = on_drained
        self._queue = bytearray()
        self._is_reading = False
        self.resume()

    @property
    def queued_bytes(self) -> int:
        return len(self._queue)

    def unread_bytes(self) -> int:
        """What was written here and not read by the far side yet."""
        return len(self._queue) + struct.unpack("i", fcntl.ioctl(self.far_fd, termios.FIONREAD, bytes(4)))[0]

    def write(self, data: bytes) -> None:
        had_queue = bool(self._queue)
        self._queue += data
        if self._queue and not had_queue:
            self._flush()

    def discard(self) -> None:
        """Forget what the far side has not read."""
        self._queue.clear()
        termios.tcflush(self.far_fd, termios.TCIFLUSH)
        self._flush()

    def pause(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._loop.add_reader(self._fd, self._read)

    def read_rest(self) -> None:
        """Hand over everything that the far side has written so far."""
        while self._read():
            pass

    def close(self) -> None:
        self.pause()
        self._loop.remove_writer(self._fd)
        os.close(self._fd)
        os.close(self.far_fd)

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        self._on_data(data)
        return True

    def _flush(self) -> None:
        try:
            while self._queue:
                del self._queue[: os.write(self._fd, self._queue[:_CHUNK_BYTES])]
        except BlockingIOError:
            self._loop.add_writer(self._fd, self._flush)
            return
        self._loop.remove_writer(self._fd)
        if self._on_drained is not None:
            self._on_drained()
