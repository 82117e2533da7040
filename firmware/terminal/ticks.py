"""Milliseconds that wrap around: differences only through `ticks_diff`. CPython's, for the tests, do not wrap.

`sleep_ms` allocates nothing on MicroPython, which matters to those who poll.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:

    def ticks_ms() -> int: ...
    def ticks_add(ticks: int, delta: int) -> int: ...
    def ticks_diff(end: int, start: int) -> int: ...
    async def sleep_ms(ms: int) -> None: ...

else:
    try:
        from asyncio import sleep_ms  # noqa: F401
        from time import ticks_add, ticks_diff, ticks_ms  # noqa: F401
    except ImportError:
        from asyncio import sleep
        from time import monotonic

        def ticks_ms() -> int:
            return int(monotonic() * 1000)

        def ticks_add(ticks: int, delta: int) -> int:
            return ticks + delta

        def ticks_diff(end: int, start: int) -> int:
            return end - start

        async def sleep_ms(ms: int) -> None:
            await sleep(ms / 1000)
