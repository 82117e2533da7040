"""A sheet of pre-issued orders for another terminal."""

import pytest

from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine sheet of t-0002",
    does="delivers it to t-0001, which then has orders without a link that are not its own",
    code="order-invalid",
    check="firmware/terminal/agent_messages.py:sheet",
)


def test_foreign_sheet(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ueid = bench.terminal_of("t-0002").ueid
    counter.receives(("down/sheet", counter.signed_sheet("order-1", ueid=ueid)))
    assert counter.next_offline() is None
    assert f"orders: {ATTACK.code} sheet for another terminal" in capsys.readouterr().out
