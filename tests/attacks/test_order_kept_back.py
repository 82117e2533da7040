"""An order answered long after its end."""

import time

from tests.attacks.bench import DAY_S, Attack, Bench

ATTACK = Attack(
    has="a terminal, and an order that he has kept",
    does="answers it a day later, with an honest clock",
    code="nonce-expired",
    check="host_agent/policy.py:_clock_code",
)


def test_order_kept_back(bench: Bench) -> None:
    tomorrow = int(time.time()) + DAY_S
    token = bench.terminal.sign(bench.claims() | {6: tomorrow})
    assert bench.agent_says(token, now=tomorrow) == ATTACK.code
