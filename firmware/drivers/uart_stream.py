"""A machine.UART that never makes the event loop wait, for asyncio.StreamReader.

Why not the UART itself: on some ports `read(n)` goes on as long as the next byte comes within a character's time, so
256 bytes of a running transfer would block for 22 ms at 115200 baud and for 270 ms at 9600.
"""

import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

POLL = 3  # MP_STREAM_POLL
READABLE, WRITABLE = 1, 4
RXBUF_BYTES = 4096  # a whole answer of 2321 bytes and a late one: nothing is lost while the loop is busy for 350 ms


class UartStream(io.IOBase):
    def __init__(self, uart: "Any") -> None:
        self._uart = uart

    def ioctl(self, request: int, argument: int) -> int:
        if request != POLL:
            return 0
        ready = READABLE | WRITABLE if self._uart.any() else WRITABLE
        return ready & argument

    def read(self, size: int = -1) -> bytes | None:
        waiting = self._uart.any()
        if not waiting:
            return None
        return self._uart.read(waiting if size < 0 else min(size, waiting))

    def write(self, data: bytes) -> int | None:
        return self._uart.write(data)
