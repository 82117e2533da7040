"""A last will to a topic that is none."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate, and an MQTT client of his own that sends any bytes",
    does="leaves a will below his own topics with a wildcard in it, over which the broker stumbles when it is due",
    code="not-authorised",
    check="host_agent/broker.py:may",
)


def test_wildcard_last_will(line: Line) -> None:
    for end in (b"up/+", b"up/#", b"up/evi/#", b"up/a+"):
        topic = "rnr/v1/demo/t-0002/" + end.decode()
        assert line.greet_raw("t-0002", (topic, b"forged")) == 5, end
        line.publish_raw("t-0002", topic.encode(), b"forged")
    assert b"forged" not in [payload for _, payload in line.settled()]
    assert set(line.refusals()) == {ATTACK.code}
