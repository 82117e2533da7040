"""Evidence from before its order."""

import time

from tests.attacks.bench import DAY_S, Attack, Bench

ATTACK = Attack(
    has="a terminal whose clock he sets back",
    does="lets an expired card count as valid, on an order of today",
    code="clock-implausible",
    check="host_agent/policy.py:_clock_code",
)


def test_older_than_its_order(bench: Bench) -> None:
    claims = bench.claims() | {6: int(time.time()) - DAY_S}
    assert bench.agent_says(bench.terminal.sign(claims)) == ATTACK.code
