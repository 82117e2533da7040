"""Terminals that come back with full queues, and mosquitto killed (SIGKILL) while they drain at full rate.

The records are real: signed and sealed by the firmware's own code, for orders that the agent has. Kills come at counted
events: when so many records have their receipt.
"""

import asyncio
import os
import random
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from terminal.queue import Queue

from host_agent.registry import Registry
from host_agent.store import OrderRow, Store
from tests.host_agent.terminal_double import TerminalDouble, identity
from tools.demo.plant import BrokerKind, Plant
from tools.emulator.board import PanelEvent

AGE_S = 600
STORE_BYTES = 2**30
DEADLINE_S = 600
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """`taken`: of each terminal the sequence numbers in the order in which the agent accepted them. `seconds`: from the
    first receipt to the last, kills and reconnections included."""

    taken: dict[str, list[int]]
    refused: int
    at_backend: dict[str, int]
    kills: int
    seconds: float
    resent: int  # records that went out again after ten seconds; those after a reconnection are not counted
    reconnections: int  # of all terminals together


class ReturningShop(Plant):
    """Its terminals have been offline, and come back with so many records each that nobody has receipted."""

    def __init__(self, folder: Path, terminals: int, records: int) -> None:
        super().__init__(folder, terminals, broker=BrokerKind.MOSQUITTO)
        self.records = records
        self.waiting = dict.fromkeys(self._names, records)
        self.receipts: list[float] = []  # when each came
        self.resent = self.connections = 0
        self.news = asyncio.Event()
        for name in self._names:
            self.watch_panel(name, lambda event, name=name: self._see(name, event))

    @property
    def receipted(self) -> int:
        return sum(self.records - waiting for waiting in self.waiting.values())

    def _write_configurations(self) -> None:
        """The keys are there, the agent does not run yet: the moment for the orders of before."""
        super()._write_configurations()
        store = Store(self.folder / "agent.db", STORE_BYTES, 0)
        registry = Registry.load(self.pki / "registry.json")
        for number, name in enumerate(self._names):
            self._fill(name, number, store, registry)
        store.close()

    def _fill(self, name: str, number: int, store: Store, registry: Registry) -> None:
        double, device = TerminalDouble(self.pki, name), registry.devices[name]
        made_at = int(time.time()) - AGE_S
        queue = Queue(str(self.folder / f"{name}.queue"))
        queue.open()
        with store.transaction():
            for seq in range(1, self.records + 1):
                order_id = f"{name}-{seq}"
                claims = double.claims(order_id=order_id, person=identity(e12=f"170{number}{seq:07d}"))
                claims[6] = made_at
                store.add_order(
                    OrderRow(
                        order_id, name, device.channel, claims[10], made_at, made_at + 3600, "waiting", None, None, b""
                    )
                )
                token = double.sign(claims)
                double.advance(token)
                queue.append(order_id, token, made_at)
        queue.close()

    def flash_files(self, name: str) -> dict[str, bytes]:
        files = (self.folder / f"{name}.queue").iterdir()
        return super().flash_files(name) | {f"queue/{file.name}": file.read_bytes() for file in files}

    def _see(self, name: str, event: PanelEvent) -> None:
        self.resent += event.state == "evidence-resent"
        self.connections += event.state == "online"
        if event.state == "waiting" and event.value is not None and event.value < self.waiting[name]:
            self.waiting[name] = event.value
            self.receipts.append(event.at)
            self.news.set()

    async def until_receipted(self, count: int) -> None:
        while self.receipted < count:
            self.news.clear()
            await self.news.wait()


async def drain(folder: Path, terminals: int, records: int, kills: int, seed: int) -> Outcome:
    """Every second kill on average also takes mosquitto's memory: its persistence file is deleted."""
    dice = random.Random(seed)
    shop = ReturningShop(folder, terminals, records)
    total = terminals * records
    # each in the first half of its share: the terminals are back at full rate before the next
    moments = [int(total * (number + dice.uniform(0.1, 0.5)) / kills) for number in range(kills)]
    async with shop, asyncio.timeout(DEADLINE_S):
        for moment in moments:
            await shop.until_receipted(moment)
            await _kill(shop, keeps_memory=dice.random() < 0.5)
        await shop.until_receipted(total)
        while (books := await shop.books())["evidence"] + sum(books["rejected"].values()) < total:
            await asyncio.sleep(LOOK_S)
    with sqlite3.connect(folder / "agent.db") as store:
        rows = store.execute("SELECT device, seq FROM evidence WHERE verdict = 1 ORDER BY id").fetchall()
        refused = store.execute("SELECT count(*) FROM evidence WHERE verdict = 3").fetchone()[0]
    taken: dict[str, list[int]] = {terminal.name: [] for terminal in shop.terminals}
    for device, seq in rows:
        taken[device].append(seq)
    return Outcome(
        taken,
        refused,
        {name: books[name] for name in ("evidence", "registrations", "duplicate_registrations", "gaps")},
        kills,
        shop.receipts[-1] - shop.receipts[0],
        shop.resent,
        shop.connections - terminals,
    )


async def _kill(shop: ReturningShop, *, keeps_memory: bool) -> None:
    assert shop.broker is not None
    await shop.broker.ready()
    shop.broker.kill()
    while shop.broker.pid is not None:
        await asyncio.sleep(0)
    if not keeps_memory:
        for file in (shop.folder / "mosquitto").glob("mosquitto.db*"):
            file.unlink()


def seed_of_run() -> int:
    seed = int(os.environ.get("SHIMING_SEED", random.randrange(2**32)))
    print(f"SHIMING_SEED={seed}")
    return seed
