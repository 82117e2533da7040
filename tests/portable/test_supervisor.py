"""The watchdog is fed while every task keeps its promise, and only then; a task that fails is started again."""

import asyncio
import sys

from harness import skip
from terminal import supervisor
from terminal.supervisor import Supervisor

supervisor.FEED_MS = 5
supervisor.RESTART_MS = 5
DEADLINE_S = 10


class Watchdog:
    def __init__(self) -> None:
        self.timeout_ms = None
        self.feeds = 0

    def start(self, timeout_ms: int) -> None:
        self.timeout_ms = timeout_ms

    def feed(self) -> None:
        self.feeds += 1


class Panel:
    def __init__(self) -> None:
        self.shown = []

    def show(self, state: str, code: "str | None" = None, value: "int | None" = None) -> None:
        self.shown.append((state, code))


async def until(is_true) -> None:
    while not is_true():
        await asyncio.sleep(0.001)


def play(story) -> None:
    async def limited() -> None:
        watchdog, panel = Watchdog(), Panel()
        await asyncio.wait_for(story(Supervisor(watchdog, panel), watchdog, panel), DEADLINE_S)

    asyncio.run(limited())


def test_watchdog_is_started_and_fed_while_tasks_report() -> None:
    async def story(keeper: Supervisor, watchdog: Watchdog, panel: Panel) -> None:
        beat = keeper.beat_of("task")

        async def task() -> None:
            while True:
                beat()
                await asyncio.sleep(0.001)

        keeper.start("task", task)
        watching = asyncio.create_task(keeper.watch())
        await until(lambda: watchdog.feeds >= 3)
        assert watchdog.timeout_ms == supervisor.WATCHDOG_MS
        watching.cancel()

    play(story)


def test_one_silent_task_starves_the_watchdog_whatever_the_others_do() -> None:
    async def story(keeper: Supervisor, watchdog: Watchdog, panel: Panel) -> None:
        beat, silent_beat = keeper.beat_of("lively"), keeper.beat_of("silent")
        rounds = []

        async def lively() -> None:
            while True:
                beat()
                rounds.append(watchdog.feeds)
                await asyncio.sleep(0.001)

        async def silent() -> None:
            silent_beat(20)
            await asyncio.sleep(3600)

        keeper.start("lively", lively)
        keeper.start("silent", silent)
        watching = asyncio.create_task(keeper.watch())
        # The promise of 20 ms has run out once a hundred rounds of at least 1 ms have brought no more feeding.
        await until(lambda: len(rounds) > 120 and rounds[-1] == rounds[-100])
        assert watchdog.feeds > 0, "it was fed as long as the promise held"
        watching.cancel()

    play(story)


def test_task_that_fails_is_shown_and_started_again() -> None:
    if not hasattr(sys, "print_exception"):
        skip("CPython has no sys.print_exception")

    async def story(keeper: Supervisor, watchdog: Watchdog, panel: Panel) -> None:
        starts = []

        async def task() -> None:
            starts.append(1)
            raise ValueError("fault")

        keeper.start("task", task)
        await until(lambda: len(starts) >= 3)
        assert panel.shown[0] == ("fault", "internal")

    play(story)


def test_task_that_keeps_failing_ends_with_the_watchdog() -> None:
    if not hasattr(sys, "print_exception"):
        skip("CPython has no sys.print_exception")

    async def story(keeper: Supervisor, watchdog: Watchdog, panel: Panel) -> None:
        starts = []

        async def task() -> None:
            starts.append(1)
            raise MemoryError

        promise_ms, supervisor.PROMISE_MS = supervisor.PROMISE_MS, 50
        try:
            keeper.start("task", task)
            watching = asyncio.create_task(keeper.watch())
            await until(lambda: len(starts) == supervisor.FAULTS_MAX)
            feeds = -1
            while feeds != watchdog.feeds:  # until its last promise has run out
                feeds = watchdog.feeds
                await asyncio.sleep(0.2)
        finally:
            supervisor.PROMISE_MS = promise_ms
        watching.cancel()
        assert len(starts) == supervisor.FAULTS_MAX

    play(story)
