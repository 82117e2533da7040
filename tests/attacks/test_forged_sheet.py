"""A sheet of pre-issued orders that the agent has not signed."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope, freshness
from tests.attacks.bench import Attack, Bench
from tests.attacks.counter import Counter

ATTACK = Attack(
    has="the broker, or the line behind it, and any key but the agent's",
    does="fills a terminal's reserve with numbers that nobody has sold",
    code="order-invalid",
    check="firmware/terminal/agent_messages.py:sheet",
)


def test_forged_sheet(counter: Counter, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = freshness.build_sheet(counter.sheet("order-1"))
    own_key = ec.generate_private_key(ec.SECP256R1())
    forged = [
        envelope.sign(sheet, bench.registry.agent.kid, own_key),
        counter.sign(sheet, by="backend"),
        bench.terminal.sign(cbor.decode(sheet), None),
    ]
    counter.receives(*[("down/sheet", message) for message in forged])
    assert counter.next_offline() is None
    assert capsys.readouterr().out.count(f"orders: {ATTACK.code}") == len(forged) + 1, "and the last, by its channel"
    counter.receives(("down/sheet", counter.sign(sheet)))
    assert counter.next_offline() == "order-1"
