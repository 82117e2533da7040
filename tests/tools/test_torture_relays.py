"""What the relays of `shiming torture` do to messages between real parts: a client and the broker, an agent's requests
and the backend. Each fault does what it says, and what no fault is for passes unchanged."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Coroutine, Iterator
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from host_agent import cbor, config
from host_agent.broker import EmbeddedBroker
from host_agent.registry import Registry
from tests.host_agent.conftest import pki as pki  # the same test authority
from tests.host_agent.rig import DEADLINE_S, Client, Rig, wait_until
from tests.host_agent.terminal_double import TerminalDouble
from tools.torture import http_relay, mqtt_relay
from tools.torture.http_relay import HttpRelay
from tools.torture.mqtt_relay import PUBLISH, MqttRelay

DELAY_S = 0.3
UP, DOWN = "rnr/v1/demo/t-0001/up/evi", "rnr/v1/demo/t-0001/down/rcpt"


class Loop:
    """An event loop on a thread of its own, for what the test talks to."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


# --- MQTT


class Line:
    """A terminal behind the relay, the agent at the broker itself. `fates` befall the next PUBLISHes of both ways."""

    def __init__(self, rig: Rig, loop: Loop) -> None:
        self.rig = rig
        self.fates: list[mqtt_relay.Fate] = []
        self.seen: list[bytes] = []
        self.broker = EmbeddedBroker(
            config.load(rig.write_config()).broker, "agent", Registry.load(rig.pki / "registry.json")
        )
        self.broker.start()
        self.agent = rig.client("agent", self.broker.port).connect()
        self.agent.subscribe("rnr/#")
        self.relay = MqttRelay(
            mqtt_relay.server_context(rig.pki, "broker"),
            mqtt_relay.client_context(rig.pki, "t-0001", rig.folder),
            self.broker.port,
            self._judge,
            self._judge,
        )
        loop.do(self.relay.start())
        self.terminal = rig.client("t-0001", self.relay.port).connect()
        self.terminal.subscribe("rnr/v1/demo/t-0001/down/#")

    def _judge(self, packet: bytes) -> mqtt_relay.Fate | None:
        self.seen.append(packet)
        is_message = mqtt_relay.kind_of(packet) == PUBLISH
        return self.fates.pop(0) if is_message and self.fates else None

    def close(self, loop: Loop) -> None:
        self.rig.close()
        loop.do(self.relay.stop())
        self.broker.stop()


@pytest.fixture
def line(pki: Path, tmp_path: Path, loop: Loop) -> Iterator[Line]:
    line = Line(Rig(pki, tmp_path), loop)
    yield line
    line.close(loop)


@pytest.fixture(params=["up", "down"])
def way(request: pytest.FixtureRequest, line: Line) -> "Way":
    if request.param == "up":
        return Way(line, line.terminal, line.agent, UP)
    return Way(line, line.agent, line.terminal, DOWN)


class Way:
    def __init__(self, line: Line, sender: Client, receiver: Client, topic: str) -> None:
        self.line, self.sender, self.receiver, self.topic = line, sender, receiver, topic

    def send(self, *fates: mqtt_relay.Fate, messages: int = 2) -> list[bytes]:
        """What has come of message-1, message-2, ..., once an honest one has come behind them."""
        self.line.fates += fates
        for number in range(1, messages + 1):
            self.sender.send(self.topic, b"message-%d" % number)
        wait_until(lambda: not self.line.fates, "the fates to come")
        self.sender.send(self.topic, b"honest")
        wait_until(lambda: b"honest" in self.arrived(), "the honest message")
        return [payload for payload in self.arrived() if payload != b"honest"]

    def arrived(self) -> list[bytes]:
        return [arrival.payload for arrival in list(self.receiver.arrivals) if arrival.topic == self.topic]


def test_message_passes_unchanged(way: Way) -> None:
    assert way.send() == [b"message-1", b"message-2"]


def test_message_is_dropped(way: Way) -> None:
    assert way.send(mqtt_relay.Fate(mqtt_relay.Act.DROP)) == [b"message-2"]


def test_message_is_doubled(way: Way) -> None:
    assert way.send(mqtt_relay.Fate(mqtt_relay.Act.DOUBLE)) == [b"message-1", b"message-1", b"message-2"]


def test_message_is_overtaken(way: Way) -> None:
    assert way.send(mqtt_relay.Fate(mqtt_relay.Act.HOLD)) == [b"message-2", b"message-1"]


def test_message_that_nothing_overtakes_goes_on(way: Way) -> None:
    way.line.fates.append(mqtt_relay.Fate(mqtt_relay.Act.HOLD))
    way.sender.send(way.topic, b"alone")
    wait_until(lambda: b"alone" in way.arrived(), "the message")


def test_message_is_delayed_with_what_is_behind_it(way: Way) -> None:
    start = time.monotonic()
    assert way.send(mqtt_relay.Fate(mqtt_relay.Act.DELAY, delay_s=DELAY_S)) == [b"message-1", b"message-2"]
    assert time.monotonic() - start >= DELAY_S


def test_one_bit_of_a_message_is_another(way: Way) -> None:
    changed, second = way.send(mqtt_relay.Fate(mqtt_relay.Act.CORRUPT, at=999, bit=1))
    assert second == b"message-2"
    assert int.from_bytes(changed) ^ int.from_bytes(b"message-1") == 2


def test_connection_is_cut_in_the_middle_of_a_message(way: Way) -> None:
    way.line.fates.append(mqtt_relay.Fate(mqtt_relay.Act.CUT, at=500))
    way.sender.send(way.topic, b"message-1")
    wait_until(lambda: not way.line.terminal.is_connected, "the terminal's connection to end")
    assert way.arrived() == []


def test_pings_are_not_judged() -> None:
    assert not mqtt_relay.is_message(bytes.fromhex("c000"))
    assert not mqtt_relay.is_message(bytes.fromhex("d000"))
    assert mqtt_relay.is_message(bytes.fromhex("40020001"))


def test_relay_asks_for_a_certificate_and_shows_the_brokers(line: Line) -> None:
    with pytest.raises((ssl.SSLError, OSError, AssertionError)):
        stranger = Client("t-0001", line.relay.port, line.rig.tls(None))
        stranger.connect()
        assert stranger.is_connected
    assert line.terminal.is_connected, "whose context checks the name and the authority"


# --- HTTPS


class Desk:
    """Posts as the agent, through the relay, to a real backend."""

    def __init__(self, rig: Rig, loop: Loop) -> None:
        self.rig = rig
        self.fates: list[http_relay.Fate] = []
        self.requests = 0
        backend = rig.start_backend()
        self.backend_port = backend.ready["port"]
        self.relay = HttpRelay(
            mqtt_relay.server_context(rig.pki, "backend"),
            mqtt_relay.client_context(rig.pki, "agent", rig.folder),
            self.backend_port,
            self._judge,
        )
        loop.do(self.relay.start())
        self._double = TerminalDouble(rig.pki, "t-0001")
        self._known = (0, 0)

    def _judge(self) -> http_relay.Fate | None:
        self.requests += 1
        return self.fates.pop(0) if self.fates else None

    def post(self, *fates: http_relay.Fate) -> tuple[int, bytes]:
        """A new token; (status, answer)."""
        self.fates += fates
        token = self._double.next_token(reason="cancelled")
        body = cbor.encode({1: "agent", 2: [{1: token, 2: int(time.time())}]})
        connection = HTTPSConnection("localhost", self.relay.port, timeout=DEADLINE_S, context=self.rig.tls("agent"))
        connection.request("POST", "/v1/attestations", body, {"Content-Type": "application/cbor"})
        response = connection.getresponse()
        return response.status, response.read()

    def news(self) -> tuple[int, int]:
        """(tokens, receipts of duplicates) in the backend's books since the last question."""
        before, self._known = self._known, self._books()
        return self._known[0] - before[0], self._known[1] - before[1]

    def _books(self) -> tuple[int, int]:
        connection = HTTPSConnection("localhost", self.backend_port, timeout=DEADLINE_S, context=self.rig.tls("agent"))
        connection.request("GET", "/v1/books")
        counts = json.loads(connection.getresponse().read())
        return counts["evidence"], counts["duplicate_receipts"]


@pytest.fixture(scope="module")
def desk(pki: Path, tmp_path_factory: pytest.TempPathFactory, loop: Loop) -> Iterator[Desk]:
    """One for all: a backend takes its time to start."""
    desk = Desk(Rig(pki, tmp_path_factory.mktemp("desk")), loop)
    yield desk
    loop.do(desk.relay.stop())
    desk.rig.close()


def test_request_passes_unchanged(desk: Desk) -> None:
    status, answer = desk.post()
    assert status == 200
    assert cbor.decode(answer, 4096)[1] == "backend"
    assert desk.news() == (1, 0)


@pytest.mark.parametrize(("act", "books"), [("FAIL_BEFORE", (0, 0)), ("FAIL_AFTER", (1, 0))])
def test_request_fails_before_or_after_the_backend_has_taken_it(desk: Desk, act: str, books: tuple[int, int]) -> None:
    assert desk.post(http_relay.Fate(http_relay.Act[act])) == (500, b"")
    assert desk.news() == books


@pytest.mark.parametrize("act", ["HANG", "LOSE_ANSWER"])
def test_request_is_taken_and_never_answered(desk: Desk, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_relay, "UNANSWERED_S", DELAY_S)
    start = time.monotonic()
    with pytest.raises((HTTPException, OSError)):
        desk.post(http_relay.Fate(http_relay.Act[act]))
    assert desk.news() == (1, 0)
    assert act != "HANG" or time.monotonic() - start >= DELAY_S


def test_request_is_sent_twice_and_the_second_answer_counts(desk: Desk) -> None:
    assert desk.post(http_relay.Fate(http_relay.Act.TWICE))[0] == 200
    assert desk.news() == (1, 1)


@pytest.mark.parametrize(("at", "is_whole"), [(500, True), (501, False)])
def test_answer_is_broken(desk: Desk, at: int, is_whole: bool) -> None:
    whole = len(desk.post()[1])
    status, answer = desk.post(http_relay.Fate(http_relay.Act.BREAK_ANSWER, at=at, bit=3))
    assert status == 200
    assert (len(answer) == whole) == is_whole
    assert desk.news() == (2, 0)


def test_one_bit_of_the_answer_is_another() -> None:
    fate = http_relay.Fate(http_relay.Act.BREAK_ANSWER, at=500, bit=3)
    assert int.from_bytes(http_relay.broken(bytes(10), fate)) == 8 << 8 * 4


def test_answer_is_delayed(desk: Desk) -> None:
    start = time.monotonic()
    assert desk.post(http_relay.Fate(http_relay.Act.DELAY, delay_s=DELAY_S))[0] == 200
    assert time.monotonic() - start >= DELAY_S
    assert desk.news() == (1, 0)


def test_backend_that_is_down_shows_as_a_gateway_does(pki: Path, tmp_path: Path, loop: Loop) -> None:
    rig = Rig(pki, tmp_path)
    desk = Desk(rig, loop)
    rig.close()
    assert desk.post()[0] == 502
    loop.do(desk.relay.stop())
