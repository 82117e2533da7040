"""A key after its end, with a date from before."""

import time

from tests.attacks.bench import DAY_S, Attack, Bench

ATTACK = Attack(
    has="a terminal's key from before the last rotation, and a clock of his own",
    does="signs today and writes yesterday into the claims",
    code="key-not-valid",
    check="host_agent/policy.py:_key_code",
)


def test_backdated_key(bench: Bench) -> None:
    bench.change_key(valid_to=int(time.time()) - DAY_S)
    claims = bench.claims() | {6: int(time.time()) - 2 * DAY_S}
    assert bench.agent_says(bench.terminal.sign(claims)) == ATTACK.code, "the order is newer than the key's end"
