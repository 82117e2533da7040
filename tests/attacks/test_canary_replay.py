"""A canary that was heard before, in the place of one that does not come."""

from host_agent.canary import DEADLINE_MAX_S, Canary
from tests.attacks.bench import Attack

ATTACK = Attack(
    has="the broker, which drops evidence and does not forward what it cannot tell from it",
    does="delivers canaries of before, and some of his own, so that the agent takes the broker for a healthy one",
    code="broker-canary-lost",
    check="host_agent/canary.py:Canary.take",
)


def test_canary_replay() -> None:
    canary = Canary("agent", lambda: ["demo"], 60)
    canary.opened(0)
    canary.subscribed(0)
    heard = canary.due(0)
    for packet in heard:
        canary.take(packet.topic, packet.payload, 0)
    assert not canary.alarms
    assert len(canary.due(60)) == 3
    for packet in heard:
        canary.take(packet.topic, packet.payload, 61)
        canary.take(packet.topic, bytes(len(packet.payload)), 61)
    canary.due(61 + DEADLINE_MAX_S)
    assert {one.code for one in canary.alarms} == {ATTACK.code}
