"""A sheet altered after it was stored."""

import pytest

from tests.attacks.bench import Attack
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the terminal's flash, while it is switched off",
    does="writes another number to register into a sheet that was checked when it arrived",
    code="order-invalid",
    check="firmware/terminal/reserve.py:Reserve._open",
)


def test_sheet_altered_on_flash(counter: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    counter.receives(("down/sheet", counter.signed_sheet("order-1", "order-2", number=7)))
    assert counter.next_offline() == "order-1"
    path = counter.folder / "reserve" / "7"
    path.write_bytes(path.read_bytes().replace(b"17000000001", b"17000000009"))
    assert counter.next_offline() is None
    assert f"orders: {ATTACK.code} sheet on flash" in capsys.readouterr().out
