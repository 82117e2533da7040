"""The agent's MQTT session against a broker that plays tricks: reused packet ids, early messages, lost sessions."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Sequence

import pytest

from host_agent.broker_watch import BrokerWatch
from host_agent.intake import Message
from host_agent.link import Link
from host_agent.store import Store
from tests.host_agent.rig import DEADLINE_S, Rig, wait_until

PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 3, 4, 8, 14
TOPIC = "rnr/v1/demo/t-0001/up/evi"


class ScriptedBroker:
    """One TLS listener; the test says what is sent and sees what comes."""

    def __init__(self, rig: Rig) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(rig.pki / "broker.cert.pem", rig.pki / "broker.key.pem")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE_S)
        self.port = self._listener.getsockname()[1]
        self.sock: ssl.SSLSocket | None = None

    def accept(self, *, session_present: bool = False, code: int = 0) -> None:
        plain, _ = self._listener.accept()
        plain.settimeout(DEADLINE_S)
        self.sock = self._tls.wrap_socket(plain, server_side=True)
        kind, connect = self.read()
        assert kind == 1
        assert connect[7] & 0x02 == 0, "a persistent session"
        self.send(bytes([0x20, 2, session_present, code]))

    def grant(self) -> None:
        kind, packet = self.read()
        assert kind == SUBSCRIBE
        self.send(bytes([0x90, 6]) + packet[:2] + b"\x01\x00\x01\x80")  # a broker that does not tell what it drops

    def push(self, mid: int, payload: bytes, name: str = TOPIC) -> None:
        topic = name.encode()
        body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", mid) + payload
        self.send(b"\x32" + _length(len(body)) + body)

    def send(self, data: bytes) -> None:
        assert self.sock is not None
        self.sock.sendall(data)

    def read(self) -> tuple[int, bytes]:
        head = self._exactly(1)[0]
        size, shift = 0, 0
        while True:
            byte = self._exactly(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return head >> 4, self._exactly(size)

    def hang_up(self) -> None:
        assert self.sock is not None
        self.sock.close()

    def close(self) -> None:
        if self.sock:
            self.sock.close()
        self._listener.close()

    def _exactly(self, size: int) -> bytes:
        assert self.sock is not None
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            assert more, "the link has closed the connection"
            data += more
        return data


def _length(size: int) -> bytes:
    encoded = b""
    while True:
        size, low = divmod(size, 128)
        encoded += bytes([low | (0x80 if size else 0)])
        if not size:
            return encoded


class Wire:
    """The link with its ears: what it hands on, and whether there is room for more."""

    def __init__(self, rig: Rig, tenants: Sequence[str] = ()) -> None:
        self.broker = ScriptedBroker(rig)
        self.messages: list[Message] = []
        self.states: list[tuple[str, bool, bool]] = []
        self.store = Store(rig.folder / "agent.db", 2**30, 0)
        self.watch = BrokerWatch(self.store, "agent", lambda: tenants, canary_s=60, is_embedded=False)
        self.room = threading.Event()
        self.room.set()
        self.has_failed = threading.Event()
        self.link = Link(
            "agent",
            "localhost",
            self.broker.port,
            rig.tls("agent"),
            on_evidence=self.messages.append,
            watch=self.watch,
            on_state=lambda *state: self.states.append(state),
            on_failure=self.has_failed.set,
            has_room=self.room.is_set,
        )
        self.link.start()

    def close(self) -> None:
        self.link.stop()
        self.broker.close()
        self.store.close()
        assert not self.has_failed.is_set()


@pytest.fixture
def wire(rig: Rig) -> Iterator[Wire]:
    wire = Wire(rig)
    yield wire
    wire.close()


def connect(wire: Wire, *, session_present: bool = False) -> None:
    wire.broker.accept(session_present=session_present)
    wire.broker.grant()
    wait_until(wire.link.is_subscribed.is_set, "the subscription")


def test_nothing_is_acknowledged_before_it_is_asked_for(wire: Wire) -> None:
    connect(wire)
    wire.broker.push(7, b"evidence")
    wait_until(lambda: wire.messages, "the message")
    wire.link.publish("rnr/v1/demo/t-0001/down/rcpt", b"receipt")
    assert wire.broker.read()[0] == PUBLISH
    wire.link.acknowledge(wire.messages)
    assert wire.broker.read() == (PUBACK, b"\x00\x07")


def test_canary_is_acknowledged_after_the_evidence_before_it(rig: Rig) -> None:
    wire = Wire(rig, ["demo"])
    connect(wire)
    topics = [wire.broker.read()[1][2:].partition(b"/canary")[0] for _ in range(2)]
    assert topics == [b"rnr/v1/demo/agent/up", b"rnr/v1/demo/agent/down"]
    wire.broker.push(7, b"evidence")
    wire.broker.push(8, b"not even a canary of ours", "rnr/v1/demo/agent/up/canary")
    wire.broker.push(9, b"more evidence")
    wait_until(lambda: len(wire.messages) == 2, "both messages")
    wire.link.acknowledge(wire.messages)
    assert [wire.broker.read() for _ in range(3)] == [(PUBACK, bytes([0, mid])) for mid in (7, 8, 9)]
    wire.close()


def test_acknowledgement_of_an_earlier_connection_is_dropped(wire: Wire) -> None:
    connect(wire)
    wire.broker.push(7, b"first")
    wait_until(lambda: wire.messages, "the first message")
    wire.broker.hang_up()
    connect(wire, session_present=True)
    wire.broker.push(7, b"another, with the same packet id")
    wait_until(lambda: len(wire.messages) == 2, "the second message")
    old, new = wire.messages
    wire.link.acknowledge([old])
    wire.link.publish("rnr/v1/demo/t-0001/down/rcpt", b"mark")
    assert wire.broker.read()[0] == PUBLISH, "no PUBACK came before it"
    wire.link.acknowledge([new])
    assert wire.broker.read() == (PUBACK, b"\x00\x07")


def test_acknowledgement_given_while_disconnected_is_dropped(wire: Wire) -> None:
    connect(wire)
    wire.broker.push(7, b"first")
    wait_until(lambda: wire.messages, "the message")
    wire.broker.hang_up()
    wait_until(lambda: not wire.link.is_connected, "the link to notice")
    wire.link.acknowledge(wire.messages)
    wire.link.publish("rnr/v1/demo/t-0001/down/rcpt", b"kept receipt")
    wire.broker.accept(session_present=True)
    kinds = [wire.broker.read()[0] for _ in range(2)]
    assert sorted(kinds) == [PUBLISH, SUBSCRIBE]


def test_message_before_the_subscription_is_granted_is_taken(wire: Wire) -> None:
    wire.broker.accept(session_present=True)
    wire.broker.push(9, b"early")
    wait_until(lambda: wire.messages, "the early message")
    wire.broker.grant()
    wire.link.acknowledge(wire.messages)
    assert wire.broker.read() == (PUBACK, b"\x00\x09")


def test_lost_session_is_counted_but_not_the_first_one(wire: Wire) -> None:
    connect(wire)
    assert wire.watch.sessions_lost == 0
    wire.broker.hang_up()
    connect(wire, session_present=True)
    assert wire.watch.sessions_lost == 0
    wire.broker.hang_up()
    connect(wire, session_present=False)
    assert wire.watch.sessions_lost == 1


def test_refused_connection_is_tried_again(wire: Wire) -> None:
    wire.broker.accept(code=5)
    wire.broker.hang_up()
    connect(wire)


def test_without_room_nothing_is_read(wire: Wire) -> None:
    connect(wire)
    wire.room.clear()
    count, payload = 400, bytes(60_000)  # more than the sockets' buffers hold

    def push_all() -> None:
        for mid in range(1, count + 1):
            wire.broker.push(mid, payload)

    pusher = threading.Thread(target=push_all)
    pusher.start()
    pusher.join(1)
    assert pusher.is_alive(), "the broker is held up"
    assert len(wire.messages) < 10
    wire.room.set()
    wire.link.wake()
    pusher.join(DEADLINE_S)
    wait_until(lambda: len(wire.messages) == count, "all messages")


def test_state_is_told_and_needs_no_acknowledgement(wire: Wire) -> None:
    connect(wire)
    topic = b"rnr/v1/demo/t-0001/state"
    for kind, payload in ((b"\x31", b"online"), (b"\x30", b"online"), (b"\x30", b"offline")):
        body = struct.pack(">H", len(topic)) + topic + payload
        wire.broker.send(kind + _length(len(body)) + body)
    wait_until(lambda: len(wire.states) == 3, "the states")
    assert wire.states == [("t-0001", True, True), ("t-0001", True, False), ("t-0001", False, False)]


def test_stop_says_goodbye_after_the_last_acknowledgements(wire: Wire) -> None:
    connect(wire)
    wire.broker.push(7, b"evidence")
    wait_until(lambda: wire.messages, "the message")
    wire.link.acknowledge(wire.messages)
    wire.link.stop()
    assert [wire.broker.read()[0] for _ in range(2)] == [PUBACK, DISCONNECT]
