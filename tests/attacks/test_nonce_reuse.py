"""One order answered twice."""

from host_agent import attestation, envelope
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and an order that has been answered",
    does="registers a second person on it",
    code="nonce-reused",
    check="host_agent/policy.py:_order_code",
)


def test_nonce_reuse(bench: Bench) -> None:
    _, first = bench.complete(order_id="order-1")
    nonce = attestation.parse_evidence(envelope.parse(first).payload).nonce
    claims = bench.terminal.claims(order_id="order-1") | {10: nonce}
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
