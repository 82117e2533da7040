"""A flood of rubbish."""

import time

from host_agent.store import REFUSALS_PER_HOUR
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal's certificate",
    does="sends rubbish without an end, to fill the agent's disk with what it keeps of refused messages",
    code="no-receipt",
    check="host_agent/store.py:Store.add_refusal",
)


def test_refusal_flood(bench: Bench) -> None:
    now = int(time.time())  # one hour for all of it
    outcomes = [bench.take(b"rubbish %d" % number, now=now) for number in range(REFUSALS_PER_HOUR + 3)]
    assert [outcome.is_kept for outcome in outcomes] == [True] * REFUSALS_PER_HOUR + [False] * 3
    assert bench.agent_says(bench.token()) == STORED, "an honest token is taken all the same"
