"""A pre-issued order used twice, by a power cut at the right moment."""

from tests.attacks.bench import Attack
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the terminal's plug",
    does="pulls it between a registration and the note that its order is used, to have a second person on it",
    code="not-run",
    check="firmware/terminal/reserve.py:Reserve._find",
)


def test_sheet_entry_reuse(counter: Counter) -> None:
    counter.receives(("down/sheet", counter.signed_sheet("order-1", "order-2")))
    assert counter.next_offline() == "order-1"
    counter.store("order-1")
    counter.restart()
    assert counter.next_offline() == "order-2"
