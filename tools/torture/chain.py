"""Scenario `chain`: mixed faults over the whole emulated product, and all its books compared after every run.

One run is a few customers at two terminals, and one to four faults. A plant plays many runs, several plants play side
by side: most of a run is waiting for somebody's time limit. Every run is drawn from seed and number alone (`plan.py`);
how the processes interleave is not, so a replay plays the same faults at the same messages, not the same race.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from host_agent.errors import ShimingError
from tools.demo.plant import BrokerKind
from tools.demo.player import Counter as Till
from tools.demo.player import Visit
from tools.demo.script import Customer
from tools.emulator.board import PanelEvent
from tools.torture import ledgers, reading
from tools.torture.chain_plant import ChainPlant
from tools.torture.errors import TortureFailed
from tools.torture.ledgers import Discrepancy, Ledgers, Placed, Sight
from tools.torture.plan import TERMINALS, Kind, Plan, plan
from tools.torture.scenario import Finding, Progress, Result

log = logging.getLogger(__name__)

LANES = 8  # plants side by side
RUNS_EACH = 50  # of one plant
HAND_S = 0.02  # of customers who do not think
SERVED_S = 150  # all customers of a run, whatever breaks meanwhile
DRAINED_S = 150  # twice every time limit in the product
LOOK_S = 0.2


@dataclass(slots=True)
class History:
    """Of one plant: its books are never emptied, so neither is what they are compared with."""

    sights: list[Sight] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    clock_refusals: int = 0  # at the agent, so far


@dataclass(slots=True)
class Tally:
    findings: list[Finding] = field(default_factory=list)
    faults: Counter[Kind] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    done: int = 0


class Chain:
    summary = "mixed faults over the whole emulated product; processes interleave as they like, replays too"
    default_runs = 1000

    def run(self, seed: int, runs: int, progress: Progress) -> Result:
        return _play([plan(seed, run) for run in range(runs)], progress)

    def replay(self, seed: int, at: str) -> Result:
        if not at.isdecimal():
            raise TortureFailed(f"--replay {at}: the number of a run, as a finding names it", exit_status=2)
        return _play([plan(seed, int(at))], lambda _done, _total: None)


def _play(plans: list[Plan], progress: Progress) -> Result:
    tally = Tally()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # connections that break are what this is about
    try:
        asyncio.run(_play_all(plans, tally, progress))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None  # SIGTERM: the same end as with Ctrl-C
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures  # the first is what went wrong: a plant does not come up
    return Result(
        faults=tally.faults.total(),
        findings=sorted(tally.findings, key=lambda finding: int(finding.at)),
        counts={
            "runs": tally.done,
            **tally.counts,
            **{kind: tally.faults[kind] for kind in Kind if tally.faults[kind]},
        },
    )


async def _play_all(plans: list[Plan], tally: Tally, progress: Progress) -> None:
    """A lane of plants for each broker, the others for whichever has more to do."""
    has_mosquitto = bool(shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin"))
    waiting: dict[BrokerKind, list[Plan]] = {BrokerKind.MOSQUITTO: [], BrokerKind.AMQTT: []}
    for one in reversed(plans):
        waiting[one.broker if has_mosquitto else BrokerKind.AMQTT].append(one)
    total = len(plans)
    starting = asyncio.Lock()
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

    async def lane(number: int) -> None:
        while any(waiting.values()):
            kinds = sorted(waiting, key=lambda kind: len(waiting[kind]), reverse=True)
            kind = kinds[1] if number == 0 and waiting[kinds[1]] else kinds[0]
            await _play_some(kind, waiting[kind], tally, lambda: progress(tally.done, total), starting)

    async with asyncio.TaskGroup() as group:
        for number in range(min(LANES, total)):
            group.create_task(lane(number))


async def _play_some(
    broker: BrokerKind, waiting: list[Plan], tally: Tally, progressed: Callable[[], None], starting: asyncio.Lock
) -> None:
    """On one plant, up to RUNS_EACH of them or the first finding. Plants start one at a time, which takes no longer."""
    with tempfile.TemporaryDirectory(prefix="shiming-torture-") as name:
        plant, history = ChainPlant(Path(name), broker), History()
        async with contextlib.AsyncExitStack() as stack:
            async with starting:
                await stack.enter_async_context(plant)
            for _ in range(RUNS_EACH):
                if not waiting:
                    return
                one = waiting.pop()
                found = await play_one(plant, one, history, tally)
                tally.done += 1
                tally.findings += [Finding(kind, words, str(one.run)) for kind, words in found]
                progressed()
                if found:
                    log.warning("run %d: %s", one.run, "; ".join(f"{kind}: {words}" for kind, words in found))
                    _keep(Path(name), one.run)
                    return


def _keep(folder: Path, run: int) -> None:
    """SHIMING_TORTURE_KEEP names a folder for what a plant with a finding has written."""
    if keep := os.environ.get("SHIMING_TORTURE_KEEP"):
        shutil.copytree(folder, Path(keep) / str(run), symlinks=True, dirs_exist_ok=True)


async def play_one(plant: ChainPlant, one: Plan, history: History, tally: Tally) -> list[Discrepancy]:
    """What is wrong with the books after this run. `history` is that of the plant, which is up."""
    tally.counts["customers"] += len(one.customers)
    seen, refused = len(history.sights), history.clock_refusals
    watching = asyncio.create_task(plant.watch())
    playing = asyncio.create_task(_run(plant, one, history))
    try:
        await asyncio.wait([watching, playing], return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            playing.cancel()
            watching.result()  # a part is down for good
            return [("unexplained", "a part has ended")]
        return playing.result()
    except ShimingError as error:
        return [("unexplained", f"{error.code}: {error}")]
    except TimeoutError:
        return [("unexplained", "customers were not served in time")]
    except Exception as error:
        log.exception("run %d", one.run)  # the others are played all the same
        return [("unexplained", f"{type(error).__name__} in the machine itself")]
    finally:
        for task in (watching, playing):
            task.cancel()
        await asyncio.gather(watching, playing, return_exceptions=True)
        tally.faults.update(plant.umpire.played)
        plant.umpire.played.clear()
        tally.counts["faults drawn"] += len(one.faults)
        outcomes = Counter(sight.outcome for sight in history.sights[seen:])
        tally.counts.update({f"saw {outcome}": outcomes[outcome] for outcome in (ledgers.QUEUED, ledgers.REFUSED)})
        tally.counts["refused for a clock"] += history.clock_refusals - refused


async def _run(plant: ChainPlant, one: Plan, history: History) -> list[Discrepancy]:
    plant.begin(one.faults)
    async with asyncio.timeout(SERVED_S), asyncio.TaskGroup() as group:
        for terminal in TERMINALS:
            group.create_task(_serve(plant, one, terminal, history))
    await plant.end_faults()
    return await _compare(plant, history)


async def _serve(plant: ChainPlant, one: Plan, name: str, history: History) -> None:
    """One customer after the other, at one terminal."""
    terminal = next(terminal for terminal in plant.terminals if terminal.name == name)
    for customer in one.lines[name]:
        till = Till(terminal, plant.order_state, lambda _visit: None, hand_s=HAND_S)
        plant.watch_panel(name, lambda event, till=till, who=customer: _see(event, till, name, who, history))
        history.placed.append(Placed(customer.order_id, customer.expected_refusal, one.has_step(name)))
        await plant.place_order(customer.order_id, name, customer.msisdn)
        await till.serve(Visit(customer, name))


def _see(event: PanelEvent, till: Till, terminal: str, customer: Customer, history: History) -> None:
    if event.state in (ledgers.QUEUED, ledgers.REFUSED) and event.value is not None:
        history.sights.append(Sight(terminal, customer.order_id, event.state, event.code, event.value))
    till.on_panel(event)


async def _compare(plant: ChainPlant, history: History) -> list[Discrepancy]:
    """Until the books agree, or nothing can be on its way any more."""
    end = time.monotonic() + DRAINED_S
    found: list[Discrepancy] = []
    while time.monotonic() < end:
        with contextlib.suppress(reading.Changing):
            books: Ledgers = await asyncio.to_thread(reading.read, plant.folder, TERMINALS)
            found = ledgers.compare(history.sights, history.placed, books)
            if not found:
                history.clock_refusals = ledgers.clock_refusals(books)
                return []
        await asyncio.sleep(LOOK_S)
    return found or [("unexplained", "a terminal's flash could not be read")]
