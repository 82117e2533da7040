"""An answer about another terminal's token."""

from host_agent import attestation
from host_agent.attestation import Receipt
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the agent's signing key",
    does="puts the answer about a token of t-0002 into a receipt to t-0001, where a record with the same number waits",
    code="kept",
    check="firmware/terminal/uplink.py:Uplink._take_record",
)


def test_answer_about_anothers_token(counter: Counter, bench: Bench) -> None:
    first, waiting, last = (counter.store(f"order-{number}") for number in range(3))
    other = bench.terminal_of("t-0002")
    theirs = [other.next_token() for _ in range(2)][1]
    answers = (bench.stored(first), bench.stored(theirs), bench.stored(last))
    claims = attestation.build_receipt(Receipt("agent", 1, counter.double.ueid, answers))
    counter.receives(("down/rcpt", counter.sign(claims)))
    assert [counter.queue.read(seq).token for seq in counter.queue.pending()] == [waiting]
