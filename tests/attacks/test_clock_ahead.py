"""A terminal whose clock is ahead."""

import time

from tests.attacks.bench import DAY_S, Attack, Bench

ATTACK = Attack(
    has="a terminal whose time server he is",
    does="sets its clock forward, to make a card valid or an order old",
    code="clock-implausible",
    check="host_agent/policy.py:_clock_code",
)


def test_clock_ahead(bench: Bench) -> None:
    claims = bench.claims() | {6: int(time.time()) + DAY_S}
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
