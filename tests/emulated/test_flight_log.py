"""A flight log from the board to the auditor: in order, complete, proven, and without a word about any customer."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from host_agent.log_audit import LogReport, examine
from host_agent.registry import Registry
from host_agent.store import Archive
from tests.emulated.test_registration import Screen, story
from tools.demo.plant import BrokerKind, Plant
from tools.demo.run import play
from tools.demo.script import customers
from tools.demo.view import Unseen

NAME = "terminal-1"


def statements(folder: Path) -> list[bytes]:
    archive = Archive(folder / "agent.db")
    try:
        return archive.log(NAME)
    finally:
        archive.close()


def report(folder: Path) -> LogReport:
    device = Registry.load(folder / "pki/registry.json").device(NAME)
    assert device is not None
    return examine(statements(folder), device)


def happened(folder: Path) -> list[tuple[str, str]]:
    return [(entry.event, entry.code) for entry in report(folder).entries]


async def until(condition: Callable[[], bool]) -> None:
    while not await asyncio.to_thread(condition):
        await asyncio.sleep(0.05)


def is_in_order(wanted: list[tuple[str, str]], found: list[tuple[str, str]]) -> bool:
    rest = iter(found)
    return all(event in rest for event in wanted)


@pytest.mark.parametrize("broker", [BrokerKind.EMBEDDED, pytest.param(BrokerKind.MOSQUITTO, marks=pytest.mark.proof)])
def test_boot_refusal_reader_fault_and_lid_arrive_in_order_and_nothing_of_a_customer(
    tmp_path: Path, broker: BrokerKind
) -> None:
    if broker is BrokerKind.MOSQUITTO and not (shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists()):
        pytest.skip("mosquitto is not installed on this machine")
    script = customers(2, seed=11)  # one is registered, one has an expired card
    wanted = [
        ("boot", "power-on"),
        ("link", "online"),
        ("refusal", "card-expired"),
        ("tamper switch", "opened"),
        ("tamper switch", "closed"),
        ("boot", "power-on"),
        ("fault", "reader-fault"),
        ("boot", "power-on"),
        ("link", "online"),
    ]

    async def steps() -> None:
        async with Plant(tmp_path, 1, broker=broker) as plant:
            terminal = plant.terminals[0]
            assert (await play(plant, script, Unseen())).is_as_scripted
            terminal.board.open_lid()
            await until(lambda: ("tamper switch", "opened") in happened(tmp_path))
            terminal.board.open_lid(False)
            await until(lambda: ("tamper switch", "closed") in happened(tmp_path))
            await terminal.server.stop()
            screen = Screen(plant)
            terminal.board.kill()
            await screen.shows("fault", "reader-fault")
            terminal.board.kill()
            await until(lambda: is_in_order(wanted, happened(tmp_path)))
            status = await plant.agent_status()
            assert status is not None
            assert (status["state"], status["alarms"]) == ("ok", [])

    story(steps())
    whole = report(tmp_path)
    assert (whole.is_whole, whole.first, whole.dropped, whole.findings) == (True, 1, [], [])
    found = happened(tmp_path)
    assert found[0] == ("boot", "power-on")
    assert [event for event, _ in found].count("firmware") == 1, "it has not changed since the first boot"
    assert [event for event, _ in found].count("configuration") == 1
    assert [entry.numbers[0] for entry in whole.entries if entry.event == "boot"] == [1, 2, 3]
    log = b"".join(statements(tmp_path))
    for customer in script:
        for secret in (customer.person.number, customer.person.name, customer.person.address, customer.msisdn):
            assert secret.encode() not in log
