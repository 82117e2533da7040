"""A pre-issued order answered after its end, without a clock."""

import time

from host_agent.policy import ReservePolicy
from tests.attacks.bench import DAY_S, STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal with a reserve that has run out, and its clock",
    does="takes the clock off and registers all the same, long after",
    code="nonce-expired",
    check="host_agent/policy.py:_clock_code",
)
GRACE_S = 2 * DAY_S


def test_sheet_entry_after_its_end(bench: Bench) -> None:
    now = int(time.time())
    bench.reserve = ReservePolicy(grace_s=GRACE_S)
    without_clock = {-70006: [True, 2, None]}
    assert bench.agent_says(bench.signed(without_clock, sheet=1), now=now + 3 * DAY_S) == ATTACK.code
    assert bench.agent_says(bench.signed(without_clock, sheet=1), now=now + DAY_S) == STORED
    assert bench.agent_says(bench.signed({6: now}, sheet=1), now=now + 3 * DAY_S) == STORED, (
        "made in time, says a true clock"
    )
