"""An epoch that was never published."""

import os

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's key",
    does="makes an epoch up, so that evidence made long before looks as if it came after",
    code="epoch-unknown",
    check="host_agent/policy.py:_epoch_code",
)


def test_unknown_epoch(bench: Bench) -> None:
    assert bench.agent_says(bench.signed({-70007: [2, os.urandom(16)]}, sheet=1)) == ATTACK.code
    assert bench.agent_says(bench.signed({-70007: [1, os.urandom(16)]})) == ATTACK.code
