"""Seven days without a link, on simulated clocks: registrations out of the reserve, then one reconnection for all.

The agent and the terminal begin seven days ago. Then the agent, with its broker, is taken away; the terminal's clock is
moved on before each customer; the agent comes back at the real time. Reader and customers are as fast as they can be.
"""

import asyncio
import sqlite3
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from host_agent import attestation, envelope
from host_agent.attestation import FreshnessKind
from tools.demo.plant import QUICK, Plant
from tools.demo.process import Process
from tools.emulator import people
from tools.emulator.board import Button, PanelEvent

NAME = "terminal-1"
DAY_S = 86_400
AWAY_S = 7 * DAY_S
SPAN_S = AWAY_S - 2 * 3600  # from the first registration to the last
STEP_S = 60  # against a hang
PATIENCE_S, RELEASED_S = 0.5, 0.1
PEOPLE = 50


class Away(Plant):
    """Its agent can be at another time."""

    shift_s = 0

    def _process(self, name: str, *arguments: str) -> Process:
        if name != "agent" or not self.shift_s:
            return super()._process(name, *arguments)
        program = (sys.executable, "-m", "tests.emulated.shifted_agent", str(self.shift_s))
        return Process(name, (*program, *arguments[1:]), self.folder / f"{name}.log")

    def _write_configurations(self) -> None:
        super()._write_configurations()
        with (self.folder / "agent.toml").open("a", encoding="utf-8") as file:
            file.write("[reserve]\norders_max = 2000\n")

    async def come_back(self) -> None:
        self.shift_s = 0
        self.agent = self._process("agent", "agent", "run", "--config", str(self.folder / "agent.toml"), "--json")
        await self.agent.start()


@dataclass
class Drain:
    """From the first receipt to the last."""

    waiting: int = 0
    began: float = 0
    ended: float = 0
    stored: list[int] = field(default_factory=list)

    def see(self, event: PanelEvent) -> None:
        if event.state == "stored" and event.value is not None:
            self.began = self.began or event.at
            self.ended = event.at
            self.stored.append(event.value)


class Clerk:
    def __init__(self, plant: Away) -> None:
        self._terminal = plant.terminals[0]
        self._events: asyncio.Queue[PanelEvent] = asyncio.Queue()
        self.drain = Drain()
        self.presses_again = 0
        plant.watch_panel(NAME, self._take)

    def _take(self, event: PanelEvent) -> None:
        self.drain.see(event)
        self._events.put_nowait(event)

    async def sees(self, *states: str) -> PanelEvent:
        async with asyncio.timeout(STEP_S):
            while True:
                event = await self._events.get()
                if event.state in states:
                    return event

    async def _press_start(self) -> None:
        """Again if nothing happens: a button let go for less than two samples counts as held all the time."""
        board = self._terminal.board
        while True:
            board.press(Button.START)
            try:
                await asyncio.wait_for(self.sees("ready-offline"), PATIENCE_S)
                return
            except TimeoutError:
                self.presses_again += 1
            finally:
                board.release(Button.START)
            await asyncio.sleep(RELEASED_S)

    async def registers(self, card: people.Card) -> None:
        """A card on the reader, START, and the end of the session."""
        reader = self._terminal.reader
        reader.place(card)
        await self._press_start()
        ended = await self.sees("queued", "refused", "fault")
        assert ended.state == "queued", ended
        reader.lift()
        await self.sees("heap-free")


def rows(path: Path, sql: str) -> list[Any]:
    with sqlite3.connect(path) as connection:
        return connection.execute(sql).fetchall()


async def until(path: Path, sql: str, wanted: int) -> None:
    while rows(path, sql) != [(wanted,)]:
        await asyncio.sleep(0.1)


async def seven_days(folder: Path, count: int, heap: str = "2M") -> Drain:
    orders = [(f"reserve-{number:04d}", f"1700000{number:04d}") for number in range(1, count + 1)]
    deck = [people.card(person) for person in people.deck(seed=7, count=PEOPLE)]
    Away.shift_s = -AWAY_S
    plant = Away(folder, 1, pace=QUICK, clock_s=-AWAY_S, heap=heap)
    async with plant:
        agent_db, board = folder / "agent.db", plant.terminals[0].board
        clerk = Clerk(plant)
        await plant.fill_reserve(NAME, orders)
        async with asyncio.timeout(STEP_S * 2):
            await until(agent_db, "SELECT count(*) FROM sheets WHERE kept_at IS NULL", 0)
        assert plant.agent is not None
        await plant.agent.stop()
        await clerk.sees("offline")
        began = time.monotonic()
        for number in range(count):
            board.clock_s = number * SPAN_S // max(1, count - 1) - AWAY_S
            await clerk.registers(deck[number % PEOPLE])
        taken_s = time.monotonic() - began
        print(f"{count} registrations without a link: {taken_s:.0f} s, {1000 * taken_s / count:.0f} ms each")
        print(f"START pressed again: {clerk.presses_again} times")
        board.clock_s = 0
        await plant.come_back()
        board.press(Button.START)  # do not wait for the end of the pause between two attempts to connect
        assert (await clerk.sees("fault")).code == "no-offline-order", "every entry has been used"
        board.release(Button.START)
        async with asyncio.timeout(STEP_S * 5):
            await until(agent_db, "SELECT count(*) FROM orders WHERE state = 'accepted'", count)
            while len(clerk.drain.stored) < count:
                await clerk.sees("stored")
        assert board.boots == ["power-on"]
        status = await plant.agent_status()
        assert status is not None and status["alarms"] == [], status
    drain = clerk.drain
    rate = (len(drain.stored) - 1) / (drain.ended - drain.began)
    print(f"one reconnection: {len(drain.stored)} receipts in {drain.ended - drain.began:.1f} s, {rate:.0f} a second")
    return drain


def check(folder: Path, count: int) -> None:
    ids = [f"reserve-{number:04d}" for number in range(1, count + 1)]
    found = rows(
        folder / "agent.db",
        "SELECT e.seq, e.order_id, e.verdict, t.token FROM evidence e JOIN tokens t ON t.evidence_id = e.id"
        " ORDER BY e.id",
    )
    assert [row[:3] for row in found] == [(seq, order_id, 1) for seq, order_id in enumerate(ids, 1)]
    sql = "SELECT e.order_id FROM evidence e JOIN registrations r ON r.cti = e.cti ORDER BY e.seq"
    assert rows(folder / "backend.db", sql) == [(one,) for one in ids]
    known = rows(folder / "agent.db", "SELECT id, iat FROM epochs")
    last_at = 0
    for *_, token in found:
        evidence = attestation.parse_evidence(envelope.parse(token).payload)
        assert evidence.clock.was_offline and evidence.freshness.kind is FreshnessKind.PREISSUED
        assert evidence.freshness.epoch in dict(known)
        assert evidence.iat >= last_at
        last_at = evidence.iat
    first = attestation.parse_evidence(envelope.parse(found[0][3]).payload)
    assert last_at - first.iat >= SPAN_S


def test_twenty_registrations_over_seven_days_without_a_link_arrive_once_and_in_order(tmp_path: Path) -> None:
    drain = asyncio.run(seven_days(tmp_path, 20, heap="192K"))
    assert drain.stored == list(range(1, 21))
    check(tmp_path, 20)


@pytest.mark.proof
def test_two_thousand_registrations_over_seven_days_without_a_link_arrive_once_and_in_order(tmp_path: Path) -> None:
    drain = asyncio.run(seven_days(tmp_path, 2000))
    assert drain.stored == list(range(1, 2001))
    check(tmp_path, 2000)
