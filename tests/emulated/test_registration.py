"""Whole registrations on real parts: firmware on the emulated board; broker, agent and backend in their processes."""

import asyncio
import json
import os
import random
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from host_agent import cbor
from tests.emulated.board_bench import mpremote, mpremote_reset, said
from tools.backend.store import Books
from tools.demo.plant import BrokerKind, Plant
from tools.demo.run import play
from tools.demo.script import Customer, customers
from tools.demo.view import Unseen
from tools.emulator import flash
from tools.emulator.board import Board, PanelEvent
from tools.emulator.provision import firmware_rom, terminal_files
from tools.pki.authority import create as create_authority
from tools.rom import starter_files

DEADLINE_S = 120
FILLER = "filler.bin"


def story(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, DEADLINE_S))


def seeded() -> random.Random:
    seed = int(os.environ.get("SHIMING_SEED", random.randrange(2**32)))
    print(f"SHIMING_SEED={seed}")
    return random.Random(seed)


class Screen:
    """Waits for what the terminal shows."""

    def __init__(self, plant: Plant, terminal: str = "terminal-1") -> None:
        self._events: asyncio.Queue[PanelEvent] = asyncio.Queue()
        plant.watch_panel(terminal, self._events.put_nowait)

    async def shows(self, state: str, code: str | None = None) -> None:
        while True:
            event = await self._events.get()
            if (event.state, event.code) == (state, code):
                return


def test_five_customers_in_a_heap_of_192_kb(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1, heap="192K") as plant:
            account = await play(plant, customers(5, seed=1), Unseen())
            assert account.surprises == ()
            assert account.is_as_scripted
            assert account.refused == {"card-expired": 1, "number-invalid": 1}
            assert plant.terminals[0].board.boots == ["power-on"], "it ran out of memory and was restarted"

    story(steps())


def test_two_terminals_share_the_customers(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 2) as plant:
            account = await play(plant, customers(6, seed=2), Unseen())
            assert account.is_as_scripted
            status = await plant.agent_status()
            assert status is not None
            assert status["state"] == "ok"

    story(steps())


def test_mpremote_works_while_the_terminal_serves_and_it_serves_after_the_reset(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            board = plant.terminals[0].board
            assert (await play(plant, customers(1, seed=3), Unseen())).is_as_scripted
            assert "session.mpy" in await mpremote(board, "fs", "ls", ":/rom/terminal")
            answer = await mpremote(board, "exec", "import terminal.version as v; print(v.NAME)")
            assert answer.strip() == "shiming-terminal"
            await mpremote_reset(board)
            account = await play(plant, customers(3, seed=4), Unseen())
            assert account.surprises == ()

    story(steps())


def test_garbage_on_the_readers_line_disturbs_nobody(tmp_path: Path) -> None:
    dice = seeded()

    async def noise(plant: Plant) -> None:
        while True:
            await asyncio.sleep(dice.uniform(0.2, 0.8))
            plant.terminals[0].server.inject(dice.randbytes(dice.randrange(1, 200)))

    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            disturbing = asyncio.create_task(noise(plant))
            account = await play(plant, customers(3, seed=5), Unseen())
            disturbing.cancel()
            assert account.surprises == ()
            assert account.lost == 0

    story(steps())


def test_full_flash_asks_no_customer_and_serves_once_there_is_room(tmp_path: Path) -> None:
    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            terminal = plant.terminals[0]
            fill = (
                f"f = open('{FILLER}', 'wb')\ntry:\n  while True: f.write(bytes(4096)); f.flush()\nexcept OSError: pass"
            )
            await mpremote(terminal.board, "exec", fill)
            screen = Screen(plant)
            await mpremote_reset(terminal.board)
            await plant.place_order("full-1", terminal.name, "17000000001")
            await screen.shows("fault", "queue-full")
            state = await plant.order_state("full-1")
            assert state is not None
            assert state["state"] == "waiting"

            await mpremote_reset(terminal.board, "fs", "rm", f":{FILLER}", "+")
            account = await play(plant, [customer_of("full-1")], Unseen())
            assert account.surprises == ()

    story(steps())


def customer_of(order_id: str) -> Customer:
    """A plain customer for an order that has been placed already (placing it again changes nothing)."""
    plain = customers(1, seed=6)[0]
    return Customer(plain.number, plain.plot, plain.person, order_id, "17000000001")


def test_garbage_from_the_broker_disturbs_nobody(tmp_path: Path) -> None:
    dice = seeded()

    async def steps() -> None:
        async with Plant(tmp_path, 1, broker=BrokerKind.AMQTT) as plant:
            assert plant.agent is not None
            await plant.agent.stop()  # only the agent may write to a terminal: for a while somebody else is the agent
            await asyncio.to_thread(send_garbage, tmp_path, plant.broker_port, dice)
            await plant.agent.start()
            account = await play(plant, customers(3, seed=8), Unseen())
            assert account.surprises == ()
            assert plant.terminals[0].board.boots == ["power-on"]

    story(steps())


def send_garbage(folder: Path, port: int, dice: random.Random) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="agent")
    context = ssl.create_default_context(cafile=folder / "pki/ca.cert.pem")
    context.load_cert_chain(folder / "pki/agent.cert.pem", folder / "pki/agent.key.pem")
    client.tls_set_context(context)
    client.connect("localhost", port)
    client.loop_start()
    for topic in ("order", "rcpt", "other"):
        for size in (0, 1, 40, 400, 4000):
            sent = client.publish(f"rnr/v1/demo/terminal-1/down/{topic}", dice.randbytes(size), qos=1)
            sent.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def test_no_identity_in_clear_on_any_disk(tmp_path: Path) -> None:
    script = customers(5, seed=9)

    async def steps() -> None:
        async with Plant(tmp_path, 1) as plant:
            assert (await play(plant, script, Unseen())).is_as_scripted

    story(steps())
    secrets = [value for customer in script for value in (customer.person.number, customer.person.address)]
    needles = [value.encode(encoding) for value in secrets for encoding in ("utf-8", "utf-16-le")]
    looked_at = set()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            looked_at.add(path.name)
            assert not any(needle in content for needle in needles), f"identity data in clear in {path.name}"
    assert {"agent.db", "agent.log", "backend.db", "backend.log", "terminal-1.img"} <= looked_at
    opened = cbor.encode(registered(tmp_path / "backend.db"))
    assert any(needle in opened for needle in needles), "the search itself does not work"


def registered(database: Path) -> list[dict[str, Any]]:
    """With the backend's own key."""
    with sqlite3.connect(database) as connection:
        ctis = [cti for (cti,) in connection.execute("SELECT cti FROM registrations")]
    books = Books(database)
    found = [content for cti in ctis if (content := books.identity(cti)) is not None]
    books.close()
    return found


def rom_file(folder: Path) -> Path:
    flash.write_rom(folder / "rom.img", firmware_rom())
    return folder / "rom.img"


def test_wrong_settings_stop_the_terminal_with_their_code(tmp_path: Path) -> None:
    shown: list[PanelEvent] = []

    async def steps() -> None:
        image = tmp_path / "flash.img"
        flash.build_image(image, starter_files() | {"config.json": b'{"device": 7}'})
        async with Board(image, rom=rom_file(tmp_path), on_panel=shown.append) as board:
            await said(board, "device")

    story(steps())
    assert [(event.state, event.code) for event in shown] == [("starting", None), ("fault", "config-invalid")]


def test_tls_key_that_cannot_be_read_stops_the_terminal_with_its_code(tmp_path: Path) -> None:
    shown: list[PanelEvent] = []
    create_authority(tmp_path / "pki", ["terminal-1"])
    files = terminal_files(tmp_path / "pki", "terminal-1", broker_host="127.0.0.1", broker_port=1, broker_name="x")

    async def steps() -> None:
        image = tmp_path / "flash.img"
        flash.build_image(image, files | {"secret/tls.key.der": b"no key"})
        async with Board(image, rom=rom_file(tmp_path), on_panel=shown.append) as board:
            while len(shown) < 2 and "Traceback" not in board.console:
                await asyncio.sleep(0.01)

    story(steps())
    assert [(event.state, event.code) for event in shown] == [("starting", None), ("fault", "config-invalid")]


def test_demo_command_ends_with_its_account_as_json(tmp_path: Path) -> None:
    customer_count = 5
    command = [
        sys.executable,
        "-m",
        "tools.cli",
        "demo",
        "--customers",
        str(customer_count),
        "--face",
        "none",
        "--json",
        "--keep",
        str(tmp_path),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert result.returncode == 0, result.stderr
    account = json.loads(result.stdout.splitlines()[-1])
    assert account["customers"] == account["accepted"] + sum(account["refused"].values()) == customer_count
    assert (account["lost"], account["duplicates_at_backend"]) == (0, 0)
    for customer in customers(customer_count, seed=1):
        assert customer.person.number not in result.stdout + result.stderr
        assert customer.person.name not in result.stdout + result.stderr
