"""machine.WDT: once started it can be neither stopped nor changed, so for a technician a timer feeds it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RELEASED_FEED_MS = 1000


class HardwareWatchdog:
    """`make` is machine.WDT; `timer` a machine.Timer that nobody else uses."""

    def __init__(self, make: "Callable[..., Any]", timer: "Any") -> None:
        self._make = make
        self._timer = timer
        self._wdt: "Any" = None

    def start(self, timeout_ms: int) -> None:
        self._wdt = self._make(timeout=timeout_ms)

    def feed(self) -> None:
        if self._wdt:
            self._wdt.feed()

    def release(self) -> None:
        if self._wdt:
            self._timer.init(period=RELEASED_FEED_MS, callback=lambda _: self.feed())
