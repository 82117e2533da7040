"""Another terminal's client id."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a certificate of his own, t-0002's",
    does="connects as t-0001, to end its session and read its orders",
    code="not-authorised",
    check="host_agent/broker.py:_Gate._admit",
)


def test_stolen_client_id(line: Line) -> None:
    victim = line.come("t-0001")
    for client_id in ("t-0001", "T-0002", "t-0002 ", "#", "+"):
        assert line.come("t-0002", client_id).code == 0x87, client_id
    assert set(line.refusals()) == {ATTACK.code}
    assert victim.is_connected
