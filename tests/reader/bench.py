"""The terminal's reader driver at the emulated module, in simulated time: an hour of waiting takes no second.

The driver and the emulator are the real ones, each with its own codec; only the wire between them is of this file.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from terminal import ticks
from terminal.station import Station

from tools.emulator.sam_reader import ReaderLine, SamReader

T = TypeVar("T")
EPOCH_S = 1_800_000_000
PROMISE_MS = 8000  # of a task that names no other (supervisor.py)


class _Selector(selectors.SelectSelector):
    """Waits in no time. Nobody but this process is on the line, so there is nothing else to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("hangs: nothing will ever happen again")
        self.now += timeout
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run(story: Callable[[], Awaitable[T]]) -> T:
    """In a loop of its own, whose time is also the firmware's."""
    loop = SimulatedLoop()
    with _ticks_of(loop), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_awaited(story))


async def _awaited(story: Callable[[], Awaitable[T]]) -> T:
    return await story()


@contextmanager
def _ticks_of(loop: SimulatedLoop) -> Iterator[None]:
    real = ticks.monotonic
    ticks.monotonic = loop.time
    try:
        yield
    finally:
        ticks.monotonic = real


class Wire:
    """Between terminal and module. Delivers to the terminal in pieces of any cut; counts what was said when."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self.baud = 0
        self.sent: list[tuple[float, tuple[int, int]]] = []  # when, and which command
        self.heard: list[float] = []  # when the module has said something
        self.piece_bytes: int | None = None  # what one read() gives at most
        self.to_module = asyncio.StreamReader()
        self._rng = rng
        self._to_terminal = bytearray()
        self._news = asyncio.Event()
        self._ends: list[Terminal] = []

    @property
    def commands(self) -> list[tuple[int, int]]:
        return [command for _, command in self.sent]

    # the module's end

    def write(self, data: bytes, /) -> None:
        self._to_terminal += data
        self.heard.append(asyncio.get_running_loop().time())
        self._news.set()

    async def drain(self) -> None: ...

    # the terminal's end

    def open(self, baud: int) -> Terminal:
        self.unplug()
        self.baud = baud
        self._ends.append(Terminal(self))
        return self._ends[-1]

    def unplug(self) -> None:
        """Whoever reads or writes gets an OSError."""
        for end in self._ends:
            end.is_open = False
        self._ends.clear()
        self._to_terminal.clear()
        self._news.set()

    async def take(self, size: int, end: Terminal) -> bytes:
        while end.is_open and not self._to_terminal:
            self._news.clear()
            await self._news.wait()
        end.require_open()
        size = min(size, self.piece_bytes or size)
        if self._rng:
            size = self._rng.randint(1, size)
        data = bytes(self._to_terminal[:size])
        del self._to_terminal[:size]
        return data


class Terminal:
    """What hw.open_reader() gives."""

    def __init__(self, wire: Wire) -> None:
        self.is_open = True
        self._wire = wire

    def require_open(self) -> None:
        if not self.is_open:
            raise OSError(5)

    async def read(self, size: int, /) -> bytes:
        return await self._wire.take(size, self)

    def write(self, data: bytes, /) -> None:
        self.require_open()
        self._wire.sent.append((asyncio.get_running_loop().time(), (data[7], data[8])))
        self._wire.to_module.feed_data(data)

    async def drain(self) -> None: ...


class Clock:
    def now(self) -> int:
        return EPOCH_S + int(asyncio.get_running_loop().time())


class Bench:
    """A counter: a module on its wire, the station that drives it, and the board they are on. It is the `hw`, too."""

    def __init__(
        self,
        module: SamReader | None = None,
        *,
        has_power_pin: bool = False,
        rng: random.Random | None = None,
        **pace: Any,
    ) -> None:
        self.module = module or SamReader()
        self.wire = Wire(rng)
        self.module.line_baud = lambda: self.wire.baud
        self.line = ReaderLine(self.module, **pace)
        self.clock = Clock()
        self.has_reader_power = has_power_pin
        self.is_unplugged = False
        self.power_cuts = 0
        self.shown: list[tuple[str, str | None]] = []
        self.on_show: Callable[[str], None] | None = None
        self.picture = b""  # what the firmware's hook has of the card read last
        self.latest_beat_ms = 0.0  # how long a promise was overdrawn
        self._due_s = asyncio.get_running_loop().time() + PROMISE_MS / 1000
        self.station = Station(self, self.beat, self._take_picture)
        self.line.power_cycle()
        self._serving = asyncio.create_task(self.line.serve(self.wire.to_module, self.wire))

    def close(self) -> None:
        if self._serving.done():
            self._serving.result()  # the emulator itself has failed
        self._serving.cancel()

    # hw

    async def open_reader(self, baud: int) -> Terminal:
        if self.is_unplugged:
            raise OSError(19)
        return self.wire.open(baud)

    def power_reader(self, is_on: bool) -> None:
        self.power_cuts += not is_on
        self.line.power(is_on)

    def beat(self, within_ms: int = PROMISE_MS) -> None:
        now = asyncio.get_running_loop().time()
        self.latest_beat_ms = max(self.latest_beat_ms, 1000 * (now - self._due_s))
        self._due_s = now + within_ms / 1000

    def show(self, state: str, code: str | None = None, value: int | None = None) -> None:
        self.shown.append((state, code))
        if self.on_show:
            self.on_show(state)

    # what a test asks

    @property
    def states(self) -> list[str]:
        return [state for state, _ in self.shown]

    async def read_card(self, within_s: int = 30) -> Any:
        return await self.station.read_card(self.clock.now() + within_s, self.show)

    def later(self, delay_s: float, do: Callable[..., object], *arguments: object) -> None:
        asyncio.get_running_loop().call_later(delay_s, do, *arguments)

    def _take_picture(self, piece: bytes | memoryview) -> None:
        self.picture = self.picture + bytes(piece) if piece else b""
