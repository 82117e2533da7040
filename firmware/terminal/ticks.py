"""Milliseconds that wrap around: differences only through `ticks_diff`. CPython's, for the tests, do not wrap."""

TYPE_CHECKING = False
if TYPE_CHECKING:

    def ticks_ms() -> int: ...
    def ticks_add(ticks: int, delta: int) -> int: ...
    def ticks_diff(end: int, start: int) -> int: ...

else:
    try:
        from time import ticks_add, ticks_diff, ticks_ms  # noqa: F401
    except ImportError:
        from time import monotonic

        def ticks_ms() -> int:
            return int(monotonic() * 1000)

        def ticks_add(ticks: int, delta: int) -> int:
            return ticks + delta

        def ticks_diff(end: int, start: int) -> int:
            return end - start
