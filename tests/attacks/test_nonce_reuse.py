"""One order answered twice, whether it was sent or pre-issued."""

import pytest

from host_agent import attestation, envelope
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and an order that has been answered",
    does="registers a second person on it",
    code="nonce-reused",
    check="host_agent/policy.py:_order_code",
)


@pytest.mark.parametrize("sheet", [None, 1], ids=["sent", "pre-issued"])
def test_nonce_reuse(bench: Bench, sheet: int | None) -> None:
    _, first = bench.complete(order_id="order-1", sheet=sheet)
    evidence = attestation.parse_evidence(envelope.parse(first).payload)
    claims = bench.terminal.claims(order_id="order-1")
    claims |= {10: evidence.nonce, -70007: [int(evidence.freshness.kind), None]}
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
