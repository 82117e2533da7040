"""An order again after it was answered."""

from tests.attacks.bench import Attack
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine order whose registration waits in the terminal",
    does="delivers it again, signed anew even, to have a second customer registered on it",
    code="not-run",
    check="firmware/terminal/orders.py:Orders.take",
)


def test_order_replay(counter: Counter) -> None:
    order = counter.signed_order("order-1")
    counter.receives(("down/order", order))
    assert counter.runs() == ["order-1"]
    counter.store("order-1")
    now = counter.clock.now()
    counter.receives(("down/order", order), ("down/order", counter.signed_order("order-1", exp=now + 600)))
    assert counter.runs() == []
