"""A terminal changes its attestation key by command: customers before and after, and what the old key is worth then."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from drivers.atecc608_config import ATTESTATION, ATTESTATION_NEXT
from typer.testing import CliRunner

from host_agent import cbor, envelope, keys
from host_agent.attestation import CLOCK, CTI, EVIDENCE_TYP, IAT, PREV, SEQ, ClockSource
from host_agent.policy import SKEW_S
from host_agent.registry import Registry
from tests.emulated.test_element_terminal import TERMINAL, chip_with_key
from tests.host_agent.rig import Rig
from tools.cli import app
from tools.demo.plant import Plant
from tools.demo.run import play
from tools.demo.script import customers
from tools.demo.view import Unseen
from tools.emulator.secure_element import Chip

DEADLINE_S = 300


def command(folder: Path, *arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*arguments, "--config", str(folder / "agent.toml"), "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Asks every now and then; the story as a whole has its deadline."""
    while not await condition():
        await asyncio.sleep(0.2)


async def rotate(folder: Path) -> None:
    """As an officer does it."""

    async def officer(*arguments: str) -> dict[str, Any]:
        return await asyncio.to_thread(command, folder, "agent", "device", *arguments)

    async def has_come(stage: str) -> bool:
        return (await officer("key", TERMINAL))["state"] == stage

    await officer("request-key", TERMINAL, "--overlap-days", "1")
    await until(lambda: has_come("stated"))
    await officer("rotate", TERMINAL, "--reason", "yearly", "--by", "li")
    await until(lambda: has_come("used"))


async def customers_come(plant: Plant, seed: int) -> None:
    account = await play(plant, customers(1, seed=seed), Unseen())
    assert (account.surprises, account.lost) == ((), 0)


async def story(folder: Path, elements: Mapping[str, Chip] | None, heap: str) -> None:
    async with Plant(folder, 1, elements=elements, heap=heap) as plant:
        await customers_come(plant, 21)
        await rotate(folder)
        await customers_come(plant, 22)
        assert plant.terminals[0].board.boots == ["power-on", "hard", "hard", "hard"], "to make a key, and to change"
        report = await asyncio.to_thread(command, folder, "audit", "chain", TERMINAL)
        assert report["is_whole"]
        assert [(key["first"], key["last"], key["tokens"]) for key in report["keys"]] == [(1, 1, 1), (1, 1, 1)]
        log = await asyncio.to_thread(command, folder, "audit", "log", TERMINAL)
        new = Registry.load(plant.pki / "registry.json").devices[TERMINAL].keys[1].kid.hex()
        noted = [entry["code"] for entry in log["entries"] if entry["kind"] == 13]
        assert noted == [f"next-{new}", f"key-{new}"]
        assert (await plant.books())["registrations"] == 2
        if elements is None:
            await plant.terminals[0].board.stop()
            await old_key_is_worth_nothing(plant)


async def old_key_is_worth_nothing(plant: Plant) -> None:
    """Whoever has kept it signs on where it ended, on the terminal's own line."""
    device = Registry.load(plant.pki / "registry.json").devices[TERMINAL]
    assert device.keys[0].valid_to is not None
    with sqlite3.connect(plant.folder / "agent.db") as store:
        [(last,)] = store.execute("SELECT t.token FROM tokens t ORDER BY evidence_id LIMIT 1").fetchall()
    scalar = (plant.pki / "devices" / TERMINAL / "attest.key").read_bytes()
    old_key = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
    assert keys.kid_of(old_key.public_key()) == device.keys[0].kid
    claims = cbor.decode(envelope.parse(last).payload)
    claims |= {IAT: device.keys[0].valid_to + SKEW_S + 1, CTI: bytes(16), SEQ: 2, PREV: envelope.parse(last).sha256}
    claims[CLOCK] = [False, ClockSource.AUTHENTICATED, 30]
    token = envelope.sign(cbor.encode(claims), device.keys[0].kid, old_key, EVIDENCE_TYP)
    await asyncio.to_thread(publish, plant, token)

    async def is_refused() -> bool:
        status = await plant.agent_status()
        return status is not None and status["refused"] == {"key-not-valid": 1}

    await until(is_refused)


def publish(plant: Plant, token: bytes) -> None:
    rig = Rig(plant.pki, plant.folder)
    rig.client(TERMINAL, plant.broker_port).connect().publish(f"rnr/v1/demo/{TERMINAL}/up/evi", token)
    rig.close()


def test_customers_with_both_keys_are_registered_and_the_old_key_ends(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(story(tmp_path, None, "192K"), DEADLINE_S))
    old_key = (tmp_path / "pki" / "devices" / TERMINAL / "attest.key").read_bytes()
    assert old_key not in (tmp_path / f"{TERMINAL}.img").read_bytes(), "it has been overwritten"


@pytest.mark.proof
def test_secure_element_makes_the_next_key_in_its_other_slot(tmp_path: Path) -> None:
    chip = chip_with_key()
    first = chip.memory.public_key(ATTESTATION)
    asyncio.run(asyncio.wait_for(story(tmp_path, {TERMINAL: chip}, "2M"), DEADLINE_S))
    assert chip.complaints == []
    new = Registry.load(tmp_path / "pki" / "registry.json").devices[TERMINAL].keys[1]
    assert keys.kid_of(chip.memory.public_key(ATTESTATION_NEXT)) == new.kid
    assert keys.kid_of(chip.memory.public_key(ATTESTATION)) != keys.kid_of(first), "the old key is gone"
