"""A first packet without an end."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line
from tests.host_agent.test_broker import is_shut_out

ATTACK = Attack(
    has="a terminal's certificate",
    does="announces 256 MB before he has said who he is, or something that is no MQTT",
    code="mqtt-malformed",
    check="host_agent/broker.py:_read_packet",
)


def test_endless_connect(line: Line) -> None:
    for packet in (b"\x10\xff\xff\xff\x7f", b"\x10\xff\xff\xff\xff\xff\x7f", b"\x30\x02\x00\x00", b"\x10\x00"):
        assert is_shut_out(line.broker, line.rig.tls("t-0002"), packet), packet
    assert set(line.refusals()) == {ATTACK.code}
