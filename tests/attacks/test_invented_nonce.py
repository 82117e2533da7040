"""Evidence that nobody has ordered."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="registers without an order, with a nonce of his own",
    code="nonce-unknown",
    check="host_agent/policy.py:_order_code",
)


def test_invented_nonce(bench: Bench) -> None:
    assert bench.agent_says(bench.terminal.next_token()) == ATTACK.code
