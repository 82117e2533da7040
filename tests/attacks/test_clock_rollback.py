"""An old order as a clock."""

import pytest

from tests.attacks.bench import Attack
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine order from last year, before a card expired",
    does="delivers it, so that the terminal takes over the time that the agent has signed",
    code="order-invalid",
    check="firmware/terminal/orders.py:Orders._check",
)


def test_clock_rollback(counter: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    now = counter.clock.now()
    counter.receives(("down/order", counter.signed_order("order-1", iat=now - 31_536_000, exp=now - 31_535_700)))
    assert counter.clock.now() == now and counter.clock.source < 4, "neither set back nor confirmed"
    assert capsys.readouterr().out.count(f"orders: {ATTACK.code} order has run out") == 1
