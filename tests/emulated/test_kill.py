"""kill -9 of any part at any moment: nothing is lost, nothing is registered twice, every customer ends as scripted."""

import asyncio
import os
import random
import shutil
from pathlib import Path

import pytest

from tests.emulated import chaos
from tools.demo.plant import BrokerKind

VICTIMS = {
    "agent": (BrokerKind.EMBEDDED, "agent"),  # takes the embedded broker down with it
    "terminal": (BrokerKind.EMBEDDED, "terminal"),
    "broker-amqtt": (BrokerKind.AMQTT, "broker"),
    "broker-mosquitto": (BrokerKind.MOSQUITTO, "broker"),
}
DEADLINE_S = 900


def survive(tmp_path: Path, name: str, customers: int, kills: int) -> None:
    broker, victim = VICTIMS[name]
    if broker is BrokerKind.MOSQUITTO and not (shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists()):
        pytest.skip("mosquitto is not installed on this machine")
    seed = int(os.environ.get("SHIMING_SEED", random.randrange(2**32)))
    print(f"SHIMING_SEED={seed}")
    account = asyncio.run(asyncio.wait_for(chaos.run(tmp_path, broker, victim, customers, kills, seed), DEADLINE_S))
    print(account)
    assert account.lost == 0
    assert account.duplicates_at_backend == 0
    assert account.surprises == ()
    assert account.accepted + sum(account.refused.values()) == customers


@pytest.mark.parametrize("name", ["agent", "broker-mosquitto"])  # the others in `make proof`
def test_three_kills_lose_and_double_nothing(name: str, tmp_path: Path) -> None:
    survive(tmp_path, name, customers=6, kills=3)


@pytest.mark.proof
@pytest.mark.parametrize("name", VICTIMS)
def test_twenty_kills_of_fifty_customers_lose_and_double_nothing(name: str, tmp_path: Path) -> None:
    survive(tmp_path, name, customers=50, kills=20)
