"""From the order to the backend's books, over each broker; and what each broker's access rules keep out."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from host_agent import config as settings
from host_agent import envelope, mosquitto
from host_agent.attestation import Verdict
from tests.host_agent.rig import SHIMING, Client, Part, Rig, wait_until
from tests.host_agent.shop import Shop
from tests.host_agent.terminal_double import MSISDN, identity
from tools.demo.process import free_ports

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
NOT_AUTHORISED = 0x87
EVI = "rnr/v1/demo/t-0001/up/evi"

needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
brokers = pytest.mark.parametrize("kind", ["embedded", "alone", pytest.param("mosquitto", marks=needs_mosquitto)])


def start_broker(rig: Rig, kind: str, change: Callable[[str], str] = str) -> Part | None:
    """Of the given kind, with the agent configured for it; the port stays the same from start to start.

    `change` makes of mosquitto's files what a careless administrator makes of them.
    """
    if kind == "embedded":
        return None
    config = _write_config(rig)
    if kind == "alone":
        return rig.start(*SHIMING, "agent", "broker", "--config", str(config), "--json")
    folder = rig.folder / "mosquitto"
    subprocess.run(
        [*SHIMING, "agent", "broker-config", "mosquitto", "--config", config, "--directory", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return _start_mosquitto(rig, change)


def start_mosquitto(rig: Rig, change: Callable[[str], str] = str) -> Part:
    """The same, without the command that makes its files."""
    folder = rig.folder / "mosquitto"
    folder.mkdir(exist_ok=True)
    for name, content in mosquitto.build(settings.load(_write_config(rig)), folder).items():
        (folder / name).write_text(content)
    return _start_mosquitto(rig, change)


def _write_config(rig: Rig) -> Path:
    if rig.settings["broker"]["port"] == 0:
        rig.settings["broker"] |= {"embedded": False, "port": free_ports(1)[0]}
    return rig.write_config()


def _start_mosquitto(rig: Rig, change: Callable[[str], str]) -> Part:
    folder = rig.folder / "mosquitto"
    for name in (mosquitto.CONFIG_NAME, mosquitto.ACL_NAME):
        (folder / name).write_text(change((folder / name).read_text()))
    # mosquitto says nothing on standard output: a shell says it once the port answers.
    assert MOSQUITTO is not None
    return rig.start(sys.executable, str(Path(__file__).with_name("announced.py")), str(rig.settings["broker"]["port"]),
                     MOSQUITTO, "-c", str(folder / "mosquitto.conf"))  # fmt: skip


def books(rig: Rig, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(rig.folder / "backend.db") as connection:
        return connection.execute(query).fetchall()


@brokers
def test_registration_reaches_the_backends_books_once(rig: Rig, kind: str) -> None:
    rig.start_backend()
    start_broker(rig, kind)
    shop = Shop(rig)
    shop.agent.order("order-1")
    token = shop.evidence("order-1")
    shop.send(token)
    assert shop.receipt_for(token).verdict is Verdict.STORED
    shop.send(token)
    wait_until(lambda: shop.agent.order_state("order-1") == ("accepted", None), "the backend's receipt")
    assert books(rig, "SELECT order_id FROM registrations") == [("order-1",)]
    assert books(rig, "SELECT sha256 FROM evidence") == [(hashlib.sha256(token).digest(),)]
    assert shop.agent.status()["outbox"] == 0


@brokers
def test_epoch_and_sheets_reach_a_terminal_which_cannot_write_either(rig: Rig, kind: str) -> None:
    broker = start_broker(rig, kind)
    shop = Shop(rig)
    shop.client.send("rnr/v1/demo/epoch", b"of a terminal")
    shop.client.send("rnr/v1/demo/t-0002/down/sheet", b"of a terminal")
    other = rig.client("t-0002", shop.agent.mqtt_port).connect()
    other.subscribe("rnr/v1/demo/epoch")
    other.subscribe("rnr/v1/demo/t-0002/down/#")
    first = other.wait_for("/epoch")[-1]
    envelope.verify(envelope.parse(first), rig.registry.agent.public_key)
    orders = [{"order_id": "order-1", "msisdn": MSISDN}]
    assert shop.agent.ask("POST", "/v1/reserves", {"device": "t-0002", "orders": orders})[0] == 201
    envelope.verify(envelope.parse(other.wait_for("/down/sheet")[0]), rig.registry.agent.public_key)
    if broker is not None:  # a broker that has forgotten the epoch is told it again
        broker.kill()
        for stored in (rig.folder / "mosquitto").glob("*.db"):
            stored.unlink()
        start_broker(rig, kind)
        late = rig.client("t-0002", shop.agent.mqtt_port).connect()
        late.subscribe("rnr/v1/demo/epoch")
        assert late.wait_for("/epoch") == [first]


def test_refusal_by_the_backend_ends_the_order_with_its_code(rig: Rig) -> None:
    rig.start_backend()
    shop = Shop(rig)
    shop.agent.order("order-1")
    token = shop.evidence("order-1", person=identity(e6="110199199001010000"))
    shop.send(token)
    assert shop.receipt_for(token).verdict is Verdict.STORED, "sealed: the agent cannot see it"
    wait_until(lambda: shop.agent.order_state("order-1") == ("refused", "number-invalid"), "the backend's refusal")


def test_backend_that_comes_late_gets_what_was_kept(rig: Rig) -> None:
    backend = rig.start_backend()
    backend.kill()
    shop = Shop(rig)
    for number in range(3):
        shop.agent.order(f"order-{number}")
        token = shop.evidence(f"order-{number}")
        shop.send(token)
        assert shop.receipt_for(token).verdict is Verdict.STORED
    wait_until(lambda: shop.agent.status()["state"] == "backend-unreachable", "the agent to say so")
    shop.agent.kill()
    rig.start_backend()
    shop.restart()
    wait_until(lambda: shop.agent.order_state("order-2")[0] == "accepted", "delivery")
    assert books(rig, "SELECT order_id FROM registrations ORDER BY order_id") == [(f"order-{n}",) for n in range(3)]


@pytest.mark.parametrize("kind", ["alone", pytest.param("mosquitto", marks=needs_mosquitto)])
def test_broker_killed_after_its_puback_loses_nothing(rig: Rig, kind: str) -> None:
    broker = start_broker(rig, kind)
    assert broker is not None
    shop = Shop(rig)
    shop.agent.order("order-1")
    token = shop.evidence("order-1")
    shop.agent.kill()
    shop.client.publish(EVI, token)  # acknowledged by the broker, seen by nobody
    broker.kill()
    start_broker(rig, kind)
    shop.restart()
    shop.send(token)  # no receipt, so the terminal sends it again
    assert shop.receipt_for(token).verdict in (Verdict.STORED, Verdict.DUPLICATE)
    assert shop.stored() == [hashlib.sha256(token).digest()]


@pytest.mark.parametrize("kind", ["alone", pytest.param("mosquitto", marks=needs_mosquitto)])
def test_agent_comes_back_to_a_broker_that_has_forgotten_it_and_says_so(rig: Rig, kind: str) -> None:
    broker = start_broker(rig, kind)
    assert broker is not None
    shop = Shop(rig)
    broker.kill()
    for stored in (rig.folder / "mosquitto").glob("*.db"):
        stored.unlink()
    start_broker(rig, kind)
    wait_until(lambda: shop.agent.status()["broker_sessions_lost"] == 1, "the alarm")
    shop.come_online()
    shop.agent.order("order-1")
    token = shop.evidence("order-1")
    shop.send(token)
    assert shop.receipt_for(token).verdict is Verdict.STORED


@needs_mosquitto
def test_mosquitto_keeps_devices_to_their_own_topics(rig: Rig) -> None:
    start_broker(rig, "mosquitto")
    port = rig.settings["broker"]["port"]
    agent = rig.client("agent", port).connect()
    agent.subscribe("rnr/#")
    spy = rig.client("t-0002", port).connect()
    spy.subscribe("rnr/v1/demo/t-0001/down/#", "rnr/#", "rnr/v1/demo/t-0002/down/#")
    for topic in ("rnr/v1/demo/t-0001/up/evi", "rnr/v1/demo/t-0001/state", "rnr/v1/demo/t-0002/down/order"):
        spy.publish(topic, b"forged")
    for topic in ("rnr/v1/demo/t-0001/up/evi", "rnr/v1/demo/t-0001/state"):
        agent.publish(topic, b"forged by the agent")
    spy.publish("rnr/v1/demo/t-0002/up/evi", b"own")
    agent.wait_for("/t-0002/up/evi")
    assert [arrival.payload for arrival in agent.arrivals] == [b"own"]
    agent.publish("rnr/v1/demo/t-0001/down/order", b"secret")
    agent.publish("rnr/v1/demo/t-0002/down/order", b"own order")
    spy.wait_for("/down/order")
    assert [arrival.payload for arrival in spy.arrivals] == [b"own order"]


@needs_mosquitto
def test_mosquitto_gives_nobody_the_agents_place(rig: Rig) -> None:
    start_broker(rig, "mosquitto")
    port = rig.settings["broker"]["port"]
    agent = rig.client("agent", port, clean_session=False).connect()
    agent.subscribe("rnr/v1/+/+/up/#")
    # use_username_as_clientid: the name in the CONNECT does not count, the certificate's does.
    thief = Client("agent", port, rig.tls("t-0002")).connect()
    thief.publish("rnr/v1/demo/t-0002/up/evi", b"as itself")
    assert agent.wait_for("/up/evi") == [b"as itself"]
    thief.close()


def test_status_command_says_how_the_agent_is(rig: Rig) -> None:
    shop = Shop(rig)
    rig.settings["orders"]["port"] = shop.agent.orders_port
    config = rig.write_config("status.toml")
    command = [*SHIMING, "agent", "status", "--config", str(config), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["broker_connected"] is True
    shop.agent.stop()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "link-down" in done.stderr


def test_order_command_gives_an_order(rig: Rig) -> None:
    shop = Shop(rig)
    rig.settings["orders"]["port"] = shop.agent.orders_port
    config = rig.write_config("order.toml")
    done = subprocess.run(
        [*SHIMING, "agent", "order", "--config", config, "--device", "t-0001", "--order-id", "order-1", "--json"],
        input="17099887766\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert shop.take_order("order-1").msisdn == "17099887766"
    assert json.loads(done.stdout.splitlines()[-1].removeprefix("Number to register: "))["state"] == "waiting"
