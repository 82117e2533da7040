"""A missing token made later."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key, after a token was lost and the chain has gone on",
    does="fills the gap with another token than the one that the chain names",
    code="chain-broken",
    check="host_agent/policy.py:_chain_code",
)


def test_late_substitution(bench: Bench) -> None:
    bench.complete()
    place = bench.terminal.seq, bench.terminal.prev
    bench.token()  # lost
    bench.complete()
    bench.terminal.seq, bench.terminal.prev = place
    assert bench.both_say(bench.token()) == {ATTACK.code}
