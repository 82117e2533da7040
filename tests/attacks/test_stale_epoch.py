"""A terminal that is kept from hearing the epoch."""

import time

from host_agent.policy import ReservePolicy
from tests.attacks.bench import DAY_S, STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal with a reserve, and the line to it",
    does="keeps it off the line for days, where the operator wants no registration that is so far from him",
    code="epoch-stale",
    check="host_agent/policy.py:_epoch_code",
)


def test_stale_epoch(bench: Bench) -> None:
    now = int(time.time())
    bench.reserve = ReservePolicy(epoch_age_max_s=DAY_S)
    old, young = bench.publish_epoch(now - 2 * DAY_S), bench.publish_epoch(now - DAY_S // 2)
    assert bench.agent_says(bench.signed({-70007: [2, None]}, sheet=1)) == ATTACK.code
    assert bench.agent_says(bench.signed({-70007: [2, old]}, sheet=1)) == ATTACK.code
    assert bench.agent_says(bench.signed({-70007: [2, young]}, sheet=1)) == STORED
