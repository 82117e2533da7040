"""A comparison that passed below its threshold."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import match

ATTACK = Attack(
    has="a terminal's key, and somebody who is not the one on the card",
    does='writes "passed" beside a score that is too low',
    code="face-inconsistent",
    check="host_agent/face.py:_require_consistency",
)


def test_face_score_below_threshold(bench: Bench) -> None:
    claims = bench.claims()
    claims[-70003][4] = match(e1=484)
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
