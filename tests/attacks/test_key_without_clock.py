"""A key after its end, on a terminal that claims to have no clock."""

import time

from tests.attacks.bench import DAY_S, Attack, Bench

ATTACK = Attack(
    has="a terminal's key from before the last rotation",
    does="says that its clock is not to be trusted, so that nobody looks at its time",
    code="key-not-valid",
    check="host_agent/policy.py:_key_code",
)


def test_key_without_clock(bench: Bench) -> None:
    bench.change_key(valid_to=int(time.time()) - 1000)
    claims = bench.claims() | {6: int(time.time()) - 2 * DAY_S, -70006: [True, 0, None]}
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
