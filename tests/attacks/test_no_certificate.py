"""No certificate at all."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a network cable in the shop",
    does="connects as t-0001",
    code="tls",
    check="host_agent/broker.py:server_context",
)


def test_no_certificate(line: Line) -> None:
    assert line.is_shut_out(line.rig.tls(None))
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in line.handshake_error(line.rig.tls(None))
    assert not line.is_shut_out(line.rig.tls("t-0001")), "with its own it is let in"
