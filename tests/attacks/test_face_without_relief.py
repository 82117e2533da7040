"""A living face as flat as paper."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import liveness

ATTACK = Attack(
    has="a terminal's key, and a printed portrait",
    does="reports liveness as passed with a relief below the threshold",
    code="face-inconsistent",
    check="host_agent/face.py:_require_passing",
)


def test_face_without_relief(bench: Bench) -> None:
    for changes in ({"e4": [10, 75]}, {"e4": [None, 75]}, {"e5": [499, 500]}, {"e6": [0, 350]}, {"e8": [640] * 5}):
        claims = bench.claims()
        claims[-70003][3] = liveness(**changes)
        assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}, changes
