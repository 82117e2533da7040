"""An order that has run out."""

import pytest

from tests.attacks.bench import Attack
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine order from yesterday",
    does="delivers it today",
    code="order-invalid",
    check="firmware/terminal/orders.py:Orders._check",
)


def test_expired_order(counter: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    now = counter.clock.now()
    counter.receives(("down/order", counter.signed_order("order-1", iat=now - 86_400, exp=now - 86_100)))
    assert counter.runs() == []
    assert capsys.readouterr().out.count(f"orders: {ATTACK.code} order has run out") == 1
