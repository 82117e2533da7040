"""A pre-issued order called one that was sent, and the other way round."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and orders of both kinds",
    does="calls a pre-issued nonce a fresh one, or gives a fresh one the long life of a pre-issued one",
    code="freshness-mismatch",
    check="host_agent/policy.py:_order_code",
)


def test_preissued_as_online(bench: Bench) -> None:
    assert bench.agent_says(bench.signed({-70007: [1, None]}, sheet=1)) == ATTACK.code
    assert bench.agent_says(bench.signed({-70007: [2, None]})) == ATTACK.code
