"""A receipt for another token."""

from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine receipt of the agent for an earlier registration",
    does="delivers it again while the next one waits",
    code="kept",
    check="firmware/terminal/uplink.py:Uplink._take_record",
)


def test_receipt_of_another_token(counter: Counter, bench: Bench) -> None:
    earlier, later = counter.store("order-1"), counter.store("order-2")
    receipt = counter.sign(bench.receipt_for(earlier, ueid=counter.double.ueid))
    counter.receives(*[("down/rcpt", receipt)] * 3)
    assert [counter.queue.read(seq).token for seq in counter.queue.pending()] == [later]
