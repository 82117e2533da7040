"""Starts the terminal's tasks, starts them again when they fail, and feeds the watchdog, the only place that does.

Every task promises when it will report next. The watchdog is fed only while all promises hold, so one task that hangs
resets the board, however well the others run. So does one that keeps failing: only a reset mends a torn heap.
"""

import asyncio
import sys

from terminal.ticks import ticks_add, ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from terminal.hardware import Beat, Panel, Watchdog

FEED_MS = 1000
WATCHDOG_MS = 8000  # the longest that every board's watchdog can do (rp2: 8388 ms)
PROMISE_MS = 8000  # of a task that names no other
RESTART_MS = 2000
FAULTS_MAX = 10  # of one task, each within HEALTHY_MS of its start
HEALTHY_MS = 60_000


class Supervisor:
    def __init__(self, watchdog: "Watchdog", panel: "Panel") -> None:
        self._watchdog = watchdog
        self._panel = panel
        self._due = {}  # task name -> ticks until which its promise holds
        self._tasks = {}

    def beat_of(self, name: str) -> "Beat":
        """The function with which task `name` reports; its argument: within how many ms it will report again."""

        def beat(within_ms: int = PROMISE_MS) -> None:
            self._due[name] = ticks_add(ticks_ms(), within_ms)

        return beat

    def start(self, name: str, run: "Callable[[], Awaitable[None]]") -> None:
        """`run` is called without arguments and gives the coroutine; a task never ends but by a fault."""
        self.beat_of(name)()
        self._tasks[name] = asyncio.create_task(self._keep(name, run))

    async def watch(self, look: "Callable[[], None] | None" = None) -> None:
        """For ever. `look` is called once a second, and does not raise."""
        self._watchdog.start(WATCHDOG_MS)
        while True:
            late = [name for name, due in self._due.items() if ticks_diff(due, ticks_ms()) < 0]
            if late:
                print("supervisor: no report from", ", ".join(late))
            else:
                self._watchdog.feed()
            if look:
                look()
            await asyncio.sleep(FEED_MS / 1000)

    async def _keep(self, name: str, run: "Callable[[], Awaitable[None]]") -> None:
        faults = 0
        while faults < FAULTS_MAX:
            started = ticks_ms()
            try:
                await run()
                print("supervisor:", name, "ended")
            except Exception as error:  # noqa: BLE001 - a task's fault must not take the others down; it is told and restarted
                sys.print_exception(error)
                self._panel.show("fault", getattr(error, "code", "internal"))
            faults = 1 if ticks_diff(ticks_ms(), started) > HEALTHY_MS else faults + 1
            self.beat_of(name)(RESTART_MS + PROMISE_MS)
            await asyncio.sleep(RESTART_MS / 1000)
        print("supervisor:", name, "fails again and again")  # and reports no more
