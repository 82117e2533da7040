"""A key before its beginning."""

import time

from tests.attacks.bench import DAY_S, Attack, Bench

ATTACK = Attack(
    has="the next key of a terminal, out of the hands of whoever made it",
    does="signs with it before it is valid",
    code="key-not-valid",
    check="host_agent/policy.py:_key_code",
)


def test_early_key(bench: Bench) -> None:
    bench.change_key(valid_from=int(time.time()) + DAY_S)
    assert bench.both_say(bench.token()) == {ATTACK.code}
