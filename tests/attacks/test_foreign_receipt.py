"""A receipt for another terminal."""

import pytest

from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="a genuine receipt of the agent to t-0002 with the same hash in it, alone or among others",
    does="delivers it to t-0001",
    code="receipt-invalid",
    check="firmware/terminal/agent_messages.py:parse_receipt",
)


def test_foreign_receipt(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    token = counter.store()
    foreign = bench.receipt_for(token, ueid=bench.terminal_of("t-0002").ueid)
    nobodys = bench.receipt_for(token, ueid=None)
    other = bench.terminal_of("t-0002")
    among_others = bench.receipt_for(
        token, ueid=other.ueid, answers=(bench.stored(other.next_token()), bench.stored(token))
    )
    counter.receives(*[("down/rcpt", counter.sign(claims)) for claims in (foreign, nobodys, among_others)])
    assert len(counter.queue) == 1
    assert capsys.readouterr().out.count(f"uplink: {ATTACK.code}") == 3
