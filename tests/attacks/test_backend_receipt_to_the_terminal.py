"""A receipt of another party."""

import pytest

from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the backend's signing key",
    does="tells the terminal that its registration is stored, which only the agent may say",
    code="receipt-invalid",
    check="firmware/terminal/agent_messages.py:parse_receipt",
)


def test_backend_receipt_to_the_terminal(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    told = bench.receipt_for(counter.store(), ueid=counter.double.ueid)
    forged = [counter.sign(told, by="backend"), counter.sign(told, by="backend", kid=bench.registry.agent.kid)]
    counter.receives(*[("down/rcpt", receipt) for receipt in forged])
    assert len(counter.queue) == 1
    assert capsys.readouterr().out.count(f"uplink: {ATTACK.code}") == len(forged)
