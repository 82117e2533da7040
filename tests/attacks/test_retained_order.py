"""An order left at the broker for whoever comes."""

from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a place at the broker, as whoever may publish there",
    does="publishes an order or evidence to be retained",
    code="not-retained",
    check="host_agent/broker.py:_Broker.retain_message",
)


def test_retained_order(line: Line) -> None:
    line.agent.publish("rnr/v1/demo/t-0001/down/order", b"old", retain=True)
    line.come("t-0002").publish("rnr/v1/demo/t-0002/up/evi", b"old", retain=True)
    late = line.come("t-0001")
    late.subscribe("rnr/v1/demo/t-0001/down/#")
    line.agent.publish("rnr/v1/demo/t-0001/down/order", b"new")
    assert late.wait_for("/down/order") == [b"new"]
