"""A sheet again after it was used up."""

from tests.attacks.bench import Attack
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine sheet whose orders have all been answered",
    does="delivers it again, to have more customers registered on them without a link",
    code="not-run",
    check="firmware/terminal/reserve.py:Reserve._keep",
)


def test_sheet_replay(counter: Counter) -> None:
    sheet = counter.signed_sheet("order-1", "order-2")
    counter.receives(("down/sheet", sheet))
    assert [counter.answer_offline(), counter.answer_offline()] == ["order-1", "order-2"]
    assert counter.next_offline() is None
    for seq in counter.queue.pending():
        counter.queue.remove(seq)
    for number in range(64):  # the queue forgets whose receipts came long ago
        counter.queue.remove(counter.queue.append(f"later-{number}", b"token", counter.clock.now()))
    counter.receives(("down/sheet", sheet))
    assert counter.next_offline() is None
