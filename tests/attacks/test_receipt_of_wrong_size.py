"""A receipt for no token, and one for too many."""

import pytest

from host_agent import attestation
from host_agent.attestation import Answer, Receipt, Verdict
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the agent's signing key",
    does="sends receipts with no answer, and with one more than a terminal has room for, to take its memory",
    code="receipt-invalid",
    check="firmware/terminal/agent_messages.py:parse_receipt",
)


def test_receipt_of_wrong_size(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    mine = bench.stored(counter.store())
    others = tuple(Answer(bytes([n]) * 32, bytes(16), Verdict.STORED) for n in range(16))
    for answers in ((), (mine, *others)):
        claims = attestation.build_receipt(Receipt("agent", 1, counter.double.ueid, answers))
        counter.receives(("down/rcpt", counter.sign(claims)))
    assert len(counter.queue) == 1
    assert capsys.readouterr().out.count(f"uplink: {ATTACK.code}") == 2
    claims = attestation.build_receipt(Receipt("agent", 1, counter.double.ueid, (mine, *others[:15])))
    counter.receives(("down/rcpt", counter.sign(claims)))
    assert len(counter.queue) == 0, "sixteen are taken"
