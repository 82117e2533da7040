"""One reader module at a PC's serial port: find its baud rate, ask who it is, read a card. All of it by the firmware's
own driver, so that a module that works here works in a terminal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

from terminal import samv
from terminal.errors import TerminalError
from terminal.reader import CardData, Reader
from terminal.samv_line import Line
from terminal.station import BAUD_RATES
from terminal.ticks import ticks_add, ticks_ms

from host_agent.errors import ShimingError
from tools.reader.serial_stream import SerialStream

# The usual rate twice at first, for a first command that noise has spoilt, and again at the end: a module that has just
# been plugged in may need 3 s.
PROBED_RATES = (115200, *BAUD_RATES, 115200)
START_LIMIT_S = 20
READ_LIMIT_S = 90  # for what is under way at the deadline; at 9600 baud a picture takes 40 s

T = TypeVar("T")


class DriverFailed(ShimingError):
    """An error of the firmware's driver: same code, its words without anything of the card."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Found:
    baud: int
    sw3: int  # of its first answer to the status command


class Module:
    """`start` first, then as many `read_card` as wanted."""

    def __init__(self, path: str) -> None:
        self._stream = SerialStream(path, PROBED_RATES[0])
        self._reader: Reader | None = None
        self.appended = bytearray()  # the picture that some modules send behind a card's photo

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.close()
        self._stream.__exit__()

    async def probe(self) -> Found:
        """The rate at which it answers the status command, whatever it says: facts 1.2."""
        with driver_errors():
            for baud in PROBED_RATES:
                self._stream.set_baud(baud)
                line = Line(self._stream, baud=baud)
                try:
                    answer = await line.ask(samv.STATUS)
                finally:
                    line.close()
                if answer is not None:
                    self._reader = Reader(self._stream, baud=baud, on_picture=self._take_picture)
                    return Found(baud, answer.sw3)
        rates = ", ".join(map(str, BAUD_RATES))
        raise DriverFailed("reader-timeout", f"no answer at any of the rates {rates}")

    async def sam_id(self) -> str:
        with driver_errors():
            return await within(START_LIMIT_S, self._started().start())

    async def read_card(self, timeout_s: float, on_event: Callable[[str], None]) -> CardData:
        """The next card; what it returns holds until the next call."""
        deadline_ms = ticks_add(ticks_ms(), int(timeout_s * 1000))
        with driver_errors():
            data, _, _ = await within(timeout_s + READ_LIMIT_S, self._started().read_card(deadline_ms, on_event))
        return data

    def _take_picture(self, piece: bytes | memoryview) -> None:
        if len(piece):
            self.appended += piece
        else:
            self.appended.clear()

    def _started(self) -> Reader:
        if self._reader is None:
            raise DriverFailed("reader-fault", "not probed")
        return self._reader


async def within(limit_s: float, doing: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(limit_s):
            return await doing
    except TimeoutError as error:
        raise DriverFailed("reader-timeout", f"not done within {limit_s:.0f} s") from error


@contextmanager
def driver_errors() -> Iterator[None]:
    try:
        yield
    except TerminalError as error:
        raise DriverFailed(error.code, str(error)) from error
