"""A token that names another before it."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, and a token that nobody shall see",
    does="exchanges the token before for one of his own making",
    code="chain-broken",
    check="host_agent/policy.py:_chain_code",
)


def test_prev_substitution(bench: Bench) -> None:
    bench.complete()
    bench.terminal.prev = b"\x55" * 32
    assert bench.both_say(bench.token()) == {ATTACK.code}
