"""A sheet that has run out."""

import pytest

from tests.attacks.bench import Attack
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine sheet from last week",
    does="delivers it today",
    code="order-invalid",
    check="firmware/terminal/reserve.py:Reserve.take",
)


def test_expired_sheet(counter: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    now = counter.clock.now()
    counter.receives(("down/sheet", counter.signed_sheet("order-1", iat=now - 700, exp=now - 100)))
    assert f"orders: {ATTACK.code} sheet has run out" in capsys.readouterr().out
    counter.receives(("down/sheet", counter.signed_sheet("order-2", exp=now + 600)))
    assert counter.next_offline() == "order-2"
    counter.clock.at = now + 601
    assert counter.next_offline() is None
