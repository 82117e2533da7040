"""An order answered long after its end, without a clock."""

import time

from tests.attacks.bench import DAY_S, Attack, Bench

ATTACK = Attack(
    has="a terminal, and an order that he has kept",
    does="answers it a day later and says that the terminal has no time",
    code="nonce-expired",
    check="host_agent/policy.py:_clock_code",
)


def test_order_kept_back_without_clock(bench: Bench) -> None:
    now = int(time.time())
    claims = bench.claims() | {6: now, -70006: [True, 0, None]}
    assert bench.agent_says(bench.terminal.sign(claims), now=now + DAY_S) == ATTACK.code
