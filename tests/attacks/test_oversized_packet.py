"""A packet that is larger than any packet may be."""

from host_agent.broker import PACKET_MAX_BYTES
from tests.attacks.bench import Attack
from tests.attacks.line import Line
from tests.host_agent.rig import wait_until

ATTACK = Attack(
    has="a terminal's certificate",
    does="sends more than the broker would hold for one client",
    code="connection-ended",
    check="host_agent/broker.py:_Connection.read",
)


def test_oversized_packet(line: Line) -> None:
    flooder = line.come("t-0002")
    flooder.send("rnr/v1/demo/t-0002/up/evi", bytes(PACKET_MAX_BYTES + 1))
    wait_until(lambda: not flooder.is_connected, "the broker to end the connection")
    assert [topic for topic, _ in line.settled()] == ["rnr/v1/demo/t-0003/up/evi"]
