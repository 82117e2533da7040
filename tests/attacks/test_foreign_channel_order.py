"""An order of another sales channel."""

import pytest

from tests.attacks.bench import Attack
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine order whose channel this terminal does not belong to",
    does="delivers it to a terminal in a shop of somebody else",
    code="order-invalid",
    check="firmware/terminal/orders.py:Orders._check",
)


def test_foreign_channel_order(counter: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    counter.receives(("down/order", counter.signed_order("order-1", channel="CH-999999")))
    assert counter.runs() == []
    said = capsys.readouterr().out
    assert said.count(f"orders: {ATTACK.code} order of another channel") == 2, "and the last one"
