"""One signed object in the place of another."""

import pytest

from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine order, and a genuine receipt",
    does="delivers each on the topic of the other",
    code="receipt-invalid",
    check="firmware/terminal/agent_messages.py:_open",
)


def test_order_as_receipt(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    receipt = counter.sign(bench.receipt_for(counter.store(), ueid=counter.double.ueid))
    counter.receives(("down/rcpt", counter.signed_order("order-2")), ("down/order", receipt))
    assert len(counter.queue) == 1 and counter.runs() == []
    said = capsys.readouterr().out
    assert f"uplink: {ATTACK.code}" in said and "orders: order-invalid" in said
