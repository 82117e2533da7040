"""Topics that mean more than they say."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate, and an MQTT client of his own that sends any bytes",
    does="publishes to wildcards, to $SYS, with NUL, with empty levels, beside and above his own topics",
    code="topic-refused",
    check="host_agent/broker.py:may",
)


TOPICS = [
    b"rnr/v1/demo/+/up/evi", b"rnr/v1/demo/#", b"#", b"+/v1/demo/t-0002/up/evi", b"rnr/v1/+/t-0002/up/evi",
    b"rnr/v1/#/t-0002/up/evi", b"$SYS/broker/clients/connected", b"$share/g/rnr/v1/demo/t-0001/up/evi",
    b"/rnr/v1/demo/t-0002/up/evi", b"rnr/v1/demo/t-0001/up/evi", b"rnr/v1/demo/t-0001\x00/up/evi",
    b"rnr/v1/demo/t-0002\x00/../t-0001/up/evi", b"rnr/v1/demo/t-0002/../t-0001/up/evi", b"rnr/v1/demo//up/evi",
    b"rnr/v1/demo/t-0001/up/evi\x00", b"rnr/v1/demo/t-0002", b"rnr/v1/demo/t-0002/up", b"rnr/v1/demo/t-0002/down/order",
    b"rnr/v1/demo/T-0002/up/evi", b"", b"/", b"rnr/v1/demo/t-0002/state/more",
]  # fmt: skip


def test_topic_escape(line: Line) -> None:
    victim = line.come("t-0001")
    victim.subscribe("rnr/v1/demo/t-0001/down/#")
    for topic in TOPICS:
        line.publish_raw("t-0002", topic, b"forged")
    assert b"forged" not in [payload for _, payload in line.settled()]
    assert not victim.arrivals
    assert ATTACK.code in line.refusals()
