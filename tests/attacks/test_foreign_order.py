"""An order for another terminal."""

import pytest

from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine order to t-0002",
    does="delivers it to t-0001, where somebody else stands at the counter",
    code="order-invalid",
    check="firmware/terminal/agent_messages.py:parse_order",
)


def test_foreign_order(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ueid = bench.terminal_of("t-0002").ueid
    counter.receives(("down/order", counter.signed_order("order-1", ueid=ueid)))
    assert counter.runs() == []
    assert capsys.readouterr().out.count(f"orders: {ATTACK.code} order for another terminal") == 1
