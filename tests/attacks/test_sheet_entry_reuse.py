"""A pre-issued order answered twice."""

from host_agent import attestation, envelope
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and a sheet of which an entry has been answered",
    does="registers a second person on the entry, days later and without a link",
    code="nonce-reused",
    check="host_agent/policy.py:_order_code",
)


def test_sheet_entry_reuse(bench: Bench) -> None:
    _, first = bench.complete(order_id="order-1", sheet=1)
    nonce = attestation.parse_evidence(envelope.parse(first).payload).nonce
    claims = bench.terminal.claims(order_id="order-1") | {10: nonce, -70006: [True, 2, None], -70007: [2, None]}
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
