"""An epoch that was published after the evidence was made."""

import time

from tests.attacks.bench import DAY_S, Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="dates a registration of today back to last week, and names the epoch of today",
    code="clock-implausible",
    check="host_agent/policy.py:_epoch_code",
)


def test_epoch_from_later(bench: Bench) -> None:
    now = int(time.time())
    claims = bench.claims(sheet=1)
    claims |= {6: now, -70007: [2, bench.publish_epoch(now + DAY_S)]}
    assert bench.agent_says(bench.terminal.sign(claims), now=now + DAY_S) == ATTACK.code
