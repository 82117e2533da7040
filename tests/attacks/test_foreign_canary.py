"""A canary from somebody who is not the agent."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate, and a broker that drops evidence",
    does="publishes on the agent's canary topics, so that it takes the broker for a healthy one",
    code="topic-refused",
    check="host_agent/broker.py:may",
)


def test_foreign_canary(line: Line) -> None:
    stranger = line.come("t-0002")
    for topic in ("rnr/v1/demo/agent/up/canary", "rnr/v1/demo/agent/down/canary"):
        stranger.publish(topic, bytes(16))
    assert bytes(16) not in [payload for _, payload in line.settled()]
    assert line.refusals() == [ATTACK.code] * 2
