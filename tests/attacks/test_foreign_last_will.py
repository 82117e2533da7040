"""A last will in another's name."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate",
    does="leaves a will that says that t-0001 is offline, or that orders something, and pulls the cable",
    code="not-authorised",
    check="host_agent/broker.py:_Gate._may_will",
)


def test_foreign_last_will(line: Line) -> None:
    for topic in ("rnr/v1/demo/t-0001/state", "rnr/v1/demo/t-0001/up/evi", "rnr/v1/demo/t-0002/down/order", "$SYS/a"):
        assert line.come("t-0002", will=(topic, b"offline")).code == 0x87, topic
    assert set(line.refusals()) == {ATTACK.code}
    assert line.come("t-0002", will=("rnr/v1/demo/t-0002/state", b"offline")).code == 0
