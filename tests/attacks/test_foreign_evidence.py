"""Evidence in another's name at the broker."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate",
    does="publishes to the topics of t-0001, its state included",
    code="topic-refused",
    check="host_agent/broker.py:may",
)


def test_foreign_evidence(line: Line) -> None:
    thief = line.come("t-0002")
    for end in ("up/evi", "state", "down/order", "down/rcpt"):
        thief.publish(f"rnr/v1/demo/t-0001/{end}", b"forged")
    assert b"forged" not in [payload for _, payload in line.settled()]
    assert set(line.refusals()) == {ATTACK.code}
