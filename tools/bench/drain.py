"""How fast one terminal delivers what it kept while it was offline: `python -m tools.bench.drain --records 2000`.

A real chain of signed tokens is put into the queue on an emulated board's flash, three days old; then the board is
switched on beside broker, agent and backend. Timed from the first receipt to the last, and checked: all of them at the
agent, each once, in order. Printed beside 200 a second, and beside what the terminal's checking of a signed receipt for
each single record would allow (measured in the same run; OpenSSL's rate is the baseline): with several records to a
receipt it may be more. Other work on the machine shows in all of them; the load is printed.
"""

import asyncio
import os
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from terminal.queue import Queue

from host_agent.registry import Registry
from host_agent.store import Store
from tools.bench import crypto
from tools.bench.agent import make_tokens
from tools.demo.plant import BrokerKind, Plant
from tools.emulator.board import PanelEvent

TERMINAL = "terminal-1"
AGE_S = 3 * 86400
WANTED_S = 200  # records a second
DEADLINE_S = 300
STORE_BYTES = 2**30


class ReturningPlant(Plant):
    """Its one terminal comes back with this many records that nobody has receipted."""

    def __init__(self, folder: Path, records: int, broker: BrokerKind, heap: str) -> None:
        super().__init__(folder, 1, broker=broker, heap=heap)
        self._records = records

    def _write_configurations(self) -> None:
        """The keys are there, the agent does not run yet: the moment for the orders of three days ago."""
        super()._write_configurations()
        store = Store(self.folder / "agent.db", STORE_BYTES, 0)
        registry = Registry.load(self.pki / "registry.json")
        tokens = make_tokens(self.pki, registry, store, self._records, name=TERMINAL, age_s=AGE_S)
        store.close()
        queue = Queue(str(self.folder / "queue"))
        queue.open()
        for seq, token in enumerate(tokens, 1):
            queue.append(f"order-{seq}", token, int(time.time()) - AGE_S)
        queue.close()

    def flash_files(self, name: str) -> dict[str, bytes]:
        files = (self.folder / "queue").iterdir()
        return super().flash_files(name) | {f"queue/{file.name}": file.read_bytes() for file in files}


class Stopwatch:
    def __init__(self, records: int) -> None:
        self.is_over = asyncio.Event()
        self.events: list[tuple[float, int]] = []  # when, records still waiting
        self._records = records

    def see(self, event: PanelEvent) -> None:
        if event.state == "waiting" and event.value is not None:
            self.events.append((event.at, event.value))
            if event.value == 0:
                self.is_over.set()

    def rate(self) -> float:
        """Records a second, from the first receipt on."""
        first_at, first = next((at, left) for at, left in self.events if left < self._records)
        return (first - self.events[-1][1]) / (self.events[-1][0] - first_at)


async def drain(records: int, broker: BrokerKind, heap: str) -> tuple[float, list[int], int]:
    """(records a second, sequence numbers in the order in which the agent took them, receipts it signed for them)"""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        watch = Stopwatch(records)
        plant = ReturningPlant(folder, records, broker, heap)
        plant.watch_panel(TERMINAL, watch.see)
        async with plant, asyncio.timeout(DEADLINE_S):
            await watch.is_over.wait()
        with sqlite3.connect(folder / "agent.db") as store:
            rows = store.execute("SELECT seq FROM evidence WHERE verdict = 1 ORDER BY id").fetchall()
            [(receipts,)] = store.execute("SELECT count(*) FROM receipts").fetchall()
        return watch.rate(), [seq for (seq,) in rows], receipts


def main(
    records: Annotated[int, typer.Option(min=20, max=2000)] = 2000,
    broker: BrokerKind = BrokerKind.EMBEDDED,
    heap: Annotated[str, typer.Option(help="Of the board.")] = "2M",
) -> None:
    """Example: python -m tools.bench.drain --records 2000 --broker mosquitto --heap 192K"""
    terminal, baseline = crypto.measure_terminal(100), crypto.measure_baseline(100)
    rate, taken, receipts = asyncio.run(drain(records, broker, heap))
    bound = 1000 / terminal["verify-known"]
    print(f"{records} records, broker {broker}, heap {heap}: {'a second':>34} {'of the bound':>13}")
    print(f"{'terminal, end to end':<52}{rate:>12.0f} {rate / bound:>13.2f}")
    print(f"{'bound of one signed receipt a record':<52}{bound:>12.0f} {1:>13.2f}")
    print(f"{'baseline: the same with OpenSSL':<52}{1000 / baseline['verify']:>12.0f}")
    print(f"records to a receipt: {records / receipts:.1f}; load of the machine: {os.getloadavg()[0]:.1f}")
    is_in_order = taken == list(range(1, records + 1))
    print(f"at the agent: {len(taken)}, each once and in order: {'yes' if is_in_order else 'NO'}")
    print(f"wanted: {WANTED_S} a second: {'met' if rate >= WANTED_S else 'NOT MET'}")
    if not is_in_order:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
