"""A topic with a NUL in it."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate, and an MQTT client of his own that sends any bytes",
    does="publishes below his own topics under a name that a program in C reads to its NUL only",
    code="topic-refused",
    check="host_agent/broker.py:may",
)


def test_nul_in_topic(line: Line) -> None:
    topics = (b"rnr/v1/demo/t-0002/up/evi\x00/x", b"rnr/v1/demo/t-0002/up/\x00", b"rnr/v1/demo\x00/t-0002/up/evi")
    for topic in topics:
        line.publish_raw("t-0002", topic, b"forged")
    assert b"forged" not in [payload for _, payload in line.settled()]
    assert line.refusals() == [ATTACK.code] * len(topics)
