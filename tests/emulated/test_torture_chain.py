"""`shiming torture --scenario chain` finds nothing in this product, and finds a part that lies about its books."""

import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tools.cli import app
from tools.demo.plant import BrokerKind
from tools.torture import ledgers, reading
from tools.torture.chain import History, Tally, play_one
from tools.torture.chain_plant import ChainPlant, Umpire
from tools.torture.errors import TortureFailed
from tools.torture.plan import REQUESTS, TERMINALS, Fault, Kind, Plan, down, plan, up
from tools.torture.scenario import KINDS

RUNS = 2
PROOF_RUNS = 100
SLIP_RUNS = 24
ROOT = Path(__file__).parents[2]

# What is broken, and a finding that it must lead to. Each is a slip that somebody could make.
SLIPS = {
    "a record goes once it is sent": (
        "firmware/terminal/uplink.py",
        """        await self._write(mqtt.publish(self._base + "/up/evi", record.token, self._next_id()))
""",
        """        await self._write(mqtt.publish(self._base + "/up/evi", record.token, self._next_id()))
        self._queue.remove(seq)
""",
        "lost",
    ),
    "an order that has its record is run again": (
        "firmware/terminal/orders.py",
        "if not self._queue.has_order(order.id) and order.id not in",
        "if order.id not in",
        "unexplained",
    ),
    "the agent gives up what a failed request was about": (
        "host_agent/forwarder.py",
        """                    raise Unanswered("backend-unreachable", f"status {response.status}")
""",
        """                    raise BatchMalformed()
""",
        "lost",
    ),
}


def seed() -> int:
    drawn = int(os.environ.get("SHIMING_SEED", random.randrange(2**31)))
    print(f"SHIMING_SEED={drawn}")
    return drawn


def torture(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["torture", "--scenario", "chain", *arguments])


def survive(runs: int) -> None:
    result = torture("--runs", str(runs), "--seed", str(seed()), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    print(found)
    assert found["runs"] == runs
    assert found["customers"] >= 2 * runs
    assert 0 < found["faults"] <= found["faults_drawn"]
    assert found["saw_queued"] + found["saw_refused"] > 0
    assert [found[kind.replace("-", "_")] for kind in KINDS] == [0] * len(KINDS)


def test_few_runs_of_mixed_faults_lose_and_double_nothing() -> None:
    survive(RUNS)


@pytest.mark.proof
def test_hundred_runs_of_mixed_faults_lose_and_double_nothing() -> None:
    survive(PROOF_RUNS)


@pytest.mark.parametrize("wrong", [["--seed", "1", "--replay", "x"], ["--seed", "1", "--replay", "1.2.3"]])
def test_wrong_use_is_refused(wrong: list[str]) -> None:
    error = torture(*wrong).exception
    assert isinstance(error, TortureFailed)
    assert error.exit_status == 2


# --- the umpire


def fault(kind: Kind, hop: str, count: int) -> Fault:
    return Fault(kind, hop, count, None, 0, 0, 0.0)


def test_fault_comes_at_its_message_and_only_there() -> None:
    struck: list[Fault] = []
    umpire = Umpire(struck.append)
    first, kill, late = (
        fault(Kind.DROPPED, up("agent"), 2),
        fault(Kind.AGENT_KILLED, up("agent"), 3),
        fault(Kind.DOUBLED, down("agent"), 9),
    )
    at_once = fault(Kind.BACKEND_KILLED, REQUESTS, 0)
    umpire.begin([first, kill, late, at_once])
    assert struck == [at_once]
    assert [umpire.judge(up("agent")) for _ in range(4)] == [None, first, None, None]
    assert struck == [at_once, kill]
    umpire.end()
    assert [umpire.judge(down("agent")) for _ in range(9)] == [None] * 9
    assert umpire.played == {Kind.DROPPED: 1}


def test_two_faults_of_one_message_befall_two_messages() -> None:
    umpire = Umpire(lambda _fault: None)
    both = [fault(Kind.DROPPED, up("agent"), 1), fault(Kind.DELAYED, up("agent"), 1)]
    umpire.begin(both)
    assert [umpire.judge(up("agent")) for _ in range(3)] == [*both, None]


# --- a product that loses and doubles


def test_books_that_somebody_has_changed_are_found(tmp_path: Path) -> None:
    """One run without faults, read from the real files; then a registration is missing, and a token's number reused."""
    quiet = plan(1, 1)
    quiet = Plan(quiet.run, BrokerKind.AMQTT, quiet.lines, ())
    history = History()

    async def play() -> None:
        async with ChainPlant(tmp_path, BrokerKind.AMQTT) as plant:
            assert await play_one(plant, quiet, history, Tally()) == []

    asyncio.run(play())
    assert len(history.sights) == len(quiet.customers)
    assert ledgers.compare(history.sights, history.placed, reading.read(tmp_path, TERMINALS)) == []
    with sqlite3.connect(tmp_path / "backend.db") as backend:
        backend.execute("DELETE FROM identities")
        backend.execute("DELETE FROM registrations")
    with sqlite3.connect(tmp_path / "agent.db") as agent:
        agent.execute("UPDATE evidence SET seq = 7 WHERE seq = 1 AND device = 'terminal-1'")
    kinds = {kind for kind, _ in ledgers.compare(history.sights, history.placed, reading.read(tmp_path, TERMINALS))}
    assert {"lost", "prev-reused", "seq-reused"} & kinds == {"lost", "seq-reused"}


@pytest.mark.proof
@pytest.mark.parametrize("slip", SLIPS)
def test_slip_in_the_product_is_found(slip: str, tmp_path: Path) -> None:
    name, right, wrong, kind = SLIPS[slip]
    for folder in ("firmware", "host_agent", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    module = tmp_path / name
    source = module.read_text(encoding="utf-8")
    assert source.count(right) == 1
    module.write_text(source.replace(right, wrong), encoding="utf-8")
    command = [sys.executable, "-m", "tools.cli", "torture", "--scenario", "chain", "--json"]
    result = subprocess.run(
        [*command, "--runs", str(SLIP_RUNS), "--seed", "1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{tmp_path / 'firmware'}"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    found = json.loads(result.stdout.splitlines()[-1])
    assert found[kind] > 0, found
