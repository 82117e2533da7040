"""The embedded broker: who gets in, what a device may write and read, and that nobody can take another's place."""

import socket
import ssl
import struct
from collections.abc import Iterator

import pytest
from amqtt.contexts import Action

from host_agent import config
from host_agent.broker import PACKET_MAX_BYTES, EmbeddedBroker, may, server_context
from host_agent.errors import ConfigError
from tests.host_agent.rig import DEADLINE_S, Client, Rig, wait_until
from tools.pki import authority

UP = "rnr/v1/demo/t-0001/up/evi"
DOWN = "rnr/v1/demo/t-0001/down/order"
STATE = "rnr/v1/demo/t-0001/state"
ACCEPTED, NOT_AUTHORISED = 0, 0x87  # paho gives CONNACK 5 in MQTT 5's words
REFUSED = 0x80


@pytest.fixture
def broker(rig: Rig) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(config.load(rig.write_config()).broker, "agent")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def agent(rig: Rig, broker: EmbeddedBroker) -> Client:
    agent = rig.client("agent", broker.port).connect()
    agent.subscribe("rnr/v1/+/+/up/#", "rnr/v1/+/+/state")
    return agent


def test_device_publishes_to_the_agent_and_reads_its_orders(rig: Rig, broker: EmbeddedBroker, agent: Client) -> None:
    device = rig.client("t-0001", broker.port).connect()
    assert device.code == ACCEPTED
    assert device.subscribe("rnr/v1/demo/t-0001/down/#") == [1]
    device.publish(UP, b"evidence")
    assert agent.wait_for("/up/evi") == [b"evidence"]
    agent.publish(DOWN, b"order")
    assert device.wait_for("/down/order") == [b"order"]


def test_no_client_certificate_is_refused(rig: Rig, broker: EmbeddedBroker) -> None:
    assert is_shut_out(broker, rig.tls(None), connect_packet("t-0001"))


def test_certificate_of_another_authority_is_refused(rig: Rig, broker: EmbeddedBroker) -> None:
    authority.create(rig.folder / "other", ["t-0001"])
    tls = Rig(rig.folder / "other", rig.folder).tls("t-0001")
    tls.load_verify_locations(rig.pki / "ca.cert.pem")
    assert is_shut_out(broker, tls, connect_packet("t-0001"))


def test_tls_1_2_is_the_least(rig: Rig) -> None:
    # Not by a handshake: OpenSSL's own security level refuses older versions as well, whatever we set.
    assert server_context(config.load(rig.write_config()).broker).minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("client_id", ["t-0002", "agent", "T-0001", "t-0001 ", "#"])
def test_client_id_that_is_not_the_common_name_is_refused(rig: Rig, broker: EmbeddedBroker, client_id: str) -> None:
    assert rig.client("t-0001", broker.port, client_id).connect().code == NOT_AUTHORISED


@pytest.mark.parametrize("clean_session", [True, False])
def test_device_cannot_become_the_agent_whose_session_is_there(
    rig: Rig, broker: EmbeddedBroker, clean_session: bool
) -> None:
    # amqtt alone lets it in: it finds the agent's session first and looks at the agent's certificate.
    agent = rig.client("agent", broker.port, clean_session=False).connect()
    agent.subscribe("rnr/v1/+/+/up/#")
    thief = rig.client("t-0002", broker.port, "agent", clean_session=clean_session).connect()
    assert thief.code == NOT_AUTHORISED
    rig.client("t-0001", broker.port).connect().publish(UP, b"for the agent")
    assert agent.wait_for("/up/evi") == [b"for the agent"]


@pytest.mark.parametrize(
    "name",
    [
        "rnr/v1/demo/t-0002/down/#",
        "rnr/v1/demo/t-0002/down/order",
        "rnr/v1/demo/+/down/#",
        "rnr/v1/+/t-0001/down/#",
        "rnr/#",
        "#",
        "rnr/v1/demo/t-0001/up/#",
        "rnr/v1/demo/t-0001/#",
        "$SYS/#",
    ],
)
def test_device_cannot_subscribe_to_what_is_not_its_own(rig: Rig, broker: EmbeddedBroker, name: str) -> None:
    assert rig.client("t-0001", broker.port).connect().subscribe(name) == [REFUSED]


@pytest.mark.parametrize(
    "topic", ["rnr/v1/demo/t-0001/up/evi", "rnr/v1/demo/t-0001/state", "rnr/v1/demo/t-0001/down/order", "rnr/v1/epoch"]
)
def test_device_cannot_publish_to_what_is_not_its_own(
    rig: Rig, broker: EmbeddedBroker, agent: Client, topic: str
) -> None:
    agent.subscribe("rnr/#")
    device = rig.client("t-0002", broker.port).connect()
    device.publish(topic, b"forged")
    device.publish("rnr/v1/demo/t-0002/up/evi", b"own")
    agent.wait_for("/t-0002/up/evi")
    assert b"forged" not in [arrival.payload for arrival in agent.arrivals]


def test_device_cannot_leave_a_will_in_anothers_name(rig: Rig, broker: EmbeddedBroker) -> None:
    assert rig.client("t-0002", broker.port, will=(STATE, b"offline")).connect().code == NOT_AUTHORISED


def test_will_is_published_when_the_device_is_lost(rig: Rig, broker: EmbeddedBroker, agent: Client) -> None:
    device = rig.client("t-0001", broker.port, will=(STATE, b"offline")).connect()
    device.publish(STATE, b"online", retain=True)
    device.drop()
    assert agent.wait_for("/state", 2) == [b"online", b"offline"]


def test_silent_device_is_ended_after_its_keep_alive(rig: Rig, broker: EmbeddedBroker, agent: Client) -> None:
    with (
        socket.create_connection(("localhost", broker.port), DEADLINE_S) as plain,
        rig.tls("t-0001").wrap_socket(plain, server_hostname="localhost") as sock,
    ):
        sock.sendall(connect_packet("t-0001", keepalive_s=1, will=(STATE, b"offline")))
        assert sock.recv(4) == bytes.fromhex("20020000")
        assert sock.recv(1) == b"", "the broker ends the connection"
    assert agent.wait_for("/state") == [b"offline"]


def test_state_is_retained_for_a_later_subscriber_but_evidence_is_not(rig: Rig, broker: EmbeddedBroker) -> None:
    device = rig.client("t-0001", broker.port).connect()
    device.publish(STATE, b"online", retain=True)
    device.publish(UP, b"kept by a careless broker", retain=True)
    device.publish(STATE, b"x" * 100, retain=True)
    agent = rig.client("agent", broker.port).connect()
    agent.subscribe("rnr/v1/+/+/up/#", "rnr/v1/+/+/state")
    agent.wait_for("/state")
    device.publish(UP, b"last")
    agent.wait_for("/up/evi")
    assert [(a.topic, a.payload) for a in agent.arrivals] == [(STATE, b"online"), (UP, b"last")]


def test_connecting_device_is_not_sent_what_the_agent_subscribes_to(
    rig: Rig, broker: EmbeddedBroker, agent: Client
) -> None:
    rig.client("t-0001", broker.port).connect().publish(STATE, b"online", retain=True)
    agent.wait_for("/state")
    other = rig.client("t-0002", broker.port).connect()
    other.subscribe("rnr/v1/demo/t-0002/down/#")
    agent.publish("rnr/v1/demo/t-0002/down/order", b"order")
    other.wait_for("/down/order")
    assert [arrival.topic for arrival in other.arrivals] == ["rnr/v1/demo/t-0002/down/order"]


def test_second_connection_of_a_client_takes_over_and_stays_reachable(
    rig: Rig, broker: EmbeddedBroker, agent: Client
) -> None:
    first = rig.client("t-0001", broker.port, clean_session=False).connect()
    first.subscribe("rnr/v1/demo/t-0001/down/#")
    second = rig.client("t-0001", broker.port, clean_session=False).connect()
    wait_until(lambda: not first.is_connected, "the first connection to end")
    agent.publish(DOWN, b"order")
    assert second.wait_for("/down/order") == [b"order"]


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(b"\x10\xff\xff\xff\x7f", id="endless-connect"),
        pytest.param(b"\x10\xff\xff\xff\xff\xff\x7f", id="broken-length"),
        pytest.param(b"\x30\x02\x00\x00", id="publish-first"),
        pytest.param(bytes(range(256)) * 4, id="garbage"),
        pytest.param(b"\x10\x00", id="empty-connect"),
    ],
)
def test_malformed_first_packet_ends_the_connection_and_nothing_else(
    rig: Rig, broker: EmbeddedBroker, agent: Client, attack: bytes
) -> None:
    assert is_shut_out(broker, rig.tls("t-0001"), attack)
    rig.client("t-0001", broker.port).connect().publish(UP, b"still there")
    agent.wait_for("/up/evi")


def test_oversized_packet_ends_the_connection(rig: Rig, broker: EmbeddedBroker, agent: Client) -> None:
    device = rig.client("t-0001", broker.port).connect()
    device.send(UP, bytes(PACKET_MAX_BYTES + 1))
    wait_until(lambda: not device.is_connected, "the broker to end the connection")
    rig.client("t-0001", broker.port).connect().publish(UP, b"still there")
    assert agent.wait_for("/up/evi") == [b"still there"]


def test_port_in_use_names_the_setting(rig: Rig, broker: EmbeddedBroker) -> None:
    rig.settings["broker"]["port"] = broker.port
    second = EmbeddedBroker(config.load(rig.write_config()).broker, "agent")
    with pytest.raises(ConfigError, match=r"broker\.port"):
        second.start()
    second.stop()


@pytest.mark.parametrize(
    ("client_id", "topic", "action", "is_allowed"),
    [
        ("agent", "rnr/v1/demo/t-0001/down/order", Action.PUBLISH, True),
        ("agent", "other/topic", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/demo/t-0001/up", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/demo/t-0001/state/more", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/demo/t-0001/down/rcpt", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/demo/t-0001/state", Action.SUBSCRIBE, False),
        ("t-0001", "rnr/v1/demo/t-0001/down", Action.SUBSCRIBE, False),
        ("t-0001", "rnr/v2/demo/t-0001/up/evi", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/demo/t-0001/down/rcpt", Action.RECEIVE, True),
        ("t-0001", "rnr/v1/demo/t-0001/up/+", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/demo/t-0001/up/a#", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/demo/t-0001/up/a\0b", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/demo/t-0001/down/\0", Action.SUBSCRIBE, False),
        ("t-0001", "rnr/v1/demo/t-0001/down/sheet", Action.RECEIVE, True),
        ("t-0001", "rnr/v1/demo/epoch", Action.SUBSCRIBE, True),
        ("t-0001", "rnr/v1/demo/epoch", Action.RECEIVE, True),
        ("t-0001", "rnr/v1/demo/epoch", Action.PUBLISH, False),
        ("t-0001", "rnr/v1/+/epoch", Action.SUBSCRIBE, False),
        ("t-0001", "rnr/v1/demo/+", Action.SUBSCRIBE, False),
        ("agent", "rnr/v1/demo/epoch", Action.PUBLISH, True),
        ("agent", "rnr/v1/demo/+/down/order", Action.PUBLISH, False),
        ("agent", "rnr/v1/+/+/up/#", Action.SUBSCRIBE, True),
        ("agent", "rnr/v1/demo/agent/up/canary", Action.PUBLISH, True),
        ("agent", "rnr/v1/demo/agent/down/canary", Action.PUBLISH, True),
        ("agent", "rnr/v1/+/agent/down/#", Action.SUBSCRIBE, True),
        ("agent", "rnr/v1/demo/t-0001/up/evi", Action.PUBLISH, False),
        ("agent", "rnr/v1/demo/t-0001/state", Action.PUBLISH, False),
        ("agent", "rnr/v1/demo/t-0001/down", Action.PUBLISH, False),
        ("agent", "$SYS/broker/publish/messages/dropped", Action.SUBSCRIBE, True),
        ("agent", "$SYS/broker/publish/messages/dropped", Action.PUBLISH, False),
        ("agent", "$SYS/#", Action.SUBSCRIBE, False),
        ("t-0001", "$SYS/broker/publish/messages/dropped", Action.SUBSCRIBE, False),
    ],
)
def test_topic_rules(client_id: str, topic: str, action: Action, is_allowed: bool) -> None:
    assert may(client_id, "agent", topic, action) is is_allowed


def is_shut_out(broker: EmbeddedBroker, tls: ssl.SSLContext, data: bytes) -> bool:
    """Whether the broker ends the connection without a word."""
    try:
        with (
            socket.create_connection(("localhost", broker.port), DEADLINE_S) as plain,
            tls.wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            sock.sendall(data)
            return sock.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def connect_packet(client_id: str, keepalive_s: int = 30, will: tuple[str, bytes] | None = None) -> bytes:
    def text(value: bytes) -> bytes:
        return struct.pack(">H", len(value)) + value

    body = text(b"MQTT") + bytes([4, 0x02 if will is None else 0x0E]) + struct.pack(">H", keepalive_s)
    body += text(client_id.encode())
    if will is not None:
        body += text(will[0].encode()) + text(will[1])
    return bytes([0x10, len(body)]) + body
