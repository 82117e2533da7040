"""Another terminal's orders."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal's certificate",
    does="subscribes to the orders of others, by name and by wildcard",
    code="topic-refused",
    check="host_agent/broker.py:may",
)


FILTERS = [
    "rnr/v1/demo/t-0001/down/#", "rnr/v1/demo/+/down/#", "rnr/v1/+/t-0002/down/#", "rnr/#", "#", "+/+/+/+/+/+",
    "$SYS/#", "$share/g/rnr/v1/demo/t-0001/down/#", "rnr/v1/demo/t-0002/#", "/rnr/v1/demo/t-0001/down/order",
]  # fmt: skip


def test_foreign_orders(line: Line) -> None:
    thief = line.come("t-0002")
    for name in FILTERS:
        assert thief.subscribe(name) == [0x80], name
    assert set(line.refusals()) == {ATTACK.code}
    assert thief.subscribe("rnr/v1/demo/t-0002/down/#") == [1]
    line.agent.publish("rnr/v1/demo/t-0001/down/order", b"a telephone number")
    line.agent.publish("rnr/v1/demo/t-0002/down/order", b"his own")
    assert thief.wait_for("/down/order") == [b"his own"]
