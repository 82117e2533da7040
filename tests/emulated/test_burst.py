"""kill -9 of mosquitto in a burst: after the reconnection nothing is lost, nothing doubled, everything in its order."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.emulated import burst

pytestmark = pytest.mark.skipif(
    not (shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists()), reason="mosquitto is not installed"
)


def survive(folder: Path, terminals: int, records: int, kills: int) -> None:
    outcome = asyncio.run(burst.drain(folder, terminals, records, kills, burst.seed_of_run()))
    total = terminals * records
    print(
        f"{total} records of {terminals} terminals, {outcome.kills} kills of mosquitto: {outcome.seconds:.1f} s,"
        f" {total / outcome.seconds:.0f} records/s, {outcome.reconnections} reconnections,"
        f" {outcome.resent} sent again for want of a receipt"
    )
    for name, taken in outcome.taken.items():
        assert len(taken) == len(set(taken)), f"{name}: doubled"
        assert set(taken) == set(range(1, records + 1)), f"{name}: lost"
        assert taken == sorted(taken), f"{name}: out of order"
    assert outcome.refused == 0
    assert outcome.at_backend == {
        "evidence": total, "registrations": total, "duplicate_registrations": 0, "gaps": 0,
    }  # fmt: skip
    assert outcome.reconnections >= outcome.kills


@pytest.mark.proof
def test_kills_of_mosquitto_in_a_short_burst_lose_and_double_nothing(tmp_path: Path) -> None:
    survive(tmp_path, terminals=2, records=100, kills=2)


@pytest.mark.proof
def test_kills_of_mosquitto_in_a_burst_of_five_thousand_lose_and_double_nothing(tmp_path: Path) -> None:
    survive(tmp_path, terminals=3, records=1667, kills=6)
