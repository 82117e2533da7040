"""A receipt that the agent has not signed."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import envelope, keys
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the broker, or the line behind it, and a key pair of his own",
    does="tells the terminal that its registration is stored, so that it deletes it",
    code="receipt-invalid",
    check="firmware/terminal/agent_messages.py:parse_receipt",
)


def test_forged_receipt(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    told = bench.receipt_for(counter.store(), ueid=counter.double.ueid)
    own_key = ec.generate_private_key(ec.SECP256R1())
    forged = [
        envelope.sign(told, bench.registry.agent.kid, own_key),
        envelope.sign(told, keys.kid_of(own_key.public_key()), own_key),
        counter.sign(told)[:-1] + bytes([counter.sign(told)[-1] ^ 1]),
    ]
    counter.receives(*[("down/rcpt", receipt) for receipt in forged])
    assert len(counter.queue) == 1
    assert capsys.readouterr().out.count(f"uplink: {ATTACK.code}") == len(forged)
    counter.receives(("down/rcpt", counter.sign(told)))
    assert len(counter.queue) == 0, "the agent's own is believed"
