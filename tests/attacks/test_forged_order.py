"""An order that the agent has not signed."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, cbor, envelope
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the broker, or the line behind it, and any key but the agent's",
    does="has a number registered that nobody has sold",
    code="order-invalid",
    check="firmware/terminal/agent_messages.py:parse_order",
)


def test_forged_order(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    order = attestation.build_order(counter.order("order-1"))
    own_key = ec.generate_private_key(ec.SECP256R1())
    forged = [
        envelope.sign(order, bench.registry.agent.kid, own_key),
        counter.sign(order, by="backend"),
        bench.terminal.sign(cbor.decode(order), None),
    ]
    counter.receives(*[("down/order", message) for message in forged])
    assert counter.runs() == []
    assert capsys.readouterr().out.count(f"orders: {ATTACK.code}") == len(forged) + 1, "and the last, by its channel"
    counter.receives(("down/order", counter.sign(order)))
    assert counter.runs() == ["order-1"]
