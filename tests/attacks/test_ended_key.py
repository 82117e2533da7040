"""A key after its end."""

import time

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key from before the last rotation",
    does="signs with it today",
    code="key-not-valid",
    check="host_agent/policy.py:_key_code",
)


def test_ended_key(bench: Bench) -> None:
    bench.change_key(valid_to=int(time.time()) - 1000)
    assert bench.both_say(bench.token()) == {ATTACK.code}
