"""Gives the event loop its turn while a face is worked on; one piece of work at a time, as they share an arena."""

import asyncio

from terminal.ticks import sleep_ms, ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeVar

    T = TypeVar("T")

TURN_MS = 8  # of work, then it is the loop's turn: a round of it costs 1 ms where it waits for TLS (unix port)


class Worker:
    """One for an engine. Work that is cancelled is closed; the next one starts afresh."""

    def __init__(self, turn_ms: int = TURN_MS) -> None:
        self._turn_ms = turn_ms
        self._turn = asyncio.Lock()

    async def run(self, work: "Generator[None, None, T]") -> "T":
        """The result of what `detect`, `mesh`, `embed`, `score` and `compare` give, in steps of milliseconds."""
        async with self._turn:
            began = ticks_ms()
            try:
                while True:
                    try:
                        next(work)
                    except StopIteration as end:
                        return end.value
                    if ticks_diff(ticks_ms(), began) >= self._turn_ms:
                        await sleep_ms(0)
                        began = ticks_ms()
            finally:
                work.close()
