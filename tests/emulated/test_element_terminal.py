"""A terminal whose key is in the emulated secure element: from the card to the books, and when the chip fails."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from drivers.atecc608_config import ATTESTATION

from host_agent import attestation, envelope, keys
from host_agent.attestation import Custody
from tests.element_bench import ready_memory
from tools.demo.plant import Plant
from tools.demo.run import Account, play
from tools.demo.script import customers
from tools.demo.view import Unseen
from tools.emulator.secure_element import Chip, Fault

DEADLINE_S = 120
TERMINAL = "terminal-1"


def chip_with_key() -> Chip:
    chip = Chip(pace=0.05)
    chip.memory = ready_memory()
    return chip


async def serve(folder: Path, chip: Chip, count: int) -> Account:
    async with Plant(folder, 1, elements={TERMINAL: chip}) as plant:
        assert not list(folder.glob("pki/devices/*/attest.key")), "there is no key but the chip's"
        return await play(plant, customers(count, seed=5), Unseen())


def tokens(folder: Path) -> list[bytes]:
    with sqlite3.connect(folder / "agent.db") as store:
        return [token for (token,) in store.execute("SELECT token FROM tokens ORDER BY evidence_id")]


def test_customers_are_registered_with_the_chips_signature_and_the_claim_says_so(tmp_path: Path) -> None:
    chip = chip_with_key()
    account = asyncio.run(asyncio.wait_for(serve(tmp_path, chip, 3), DEADLINE_S))
    assert (account.surprises, account.lost) == ((), 0)
    assert chip.complaints == []
    public_key = chip.memory.public_key(ATTESTATION)
    signed = [envelope.parse(token) for token in tokens(tmp_path)]
    assert len(signed) == 3
    for each in signed:
        envelope.verify(each, public_key)
        assert each.kid == keys.kid_of(public_key)
        assert attestation.parse_evidence(each.payload).custody is Custody.ELEMENT


@pytest.mark.proof
def test_chip_that_fails_once_costs_no_customer(tmp_path: Path) -> None:
    chip = chip_with_key()
    chip.faults = [Fault("wrong-signature")]
    account = asyncio.run(asyncio.wait_for(serve(tmp_path, chip, 1), DEADLINE_S))
    assert (account.surprises, account.lost) == ((), 0)
    assert chip.faults == []
