"""A registration in spite of a failed check."""

from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import liveness, match

ATTACK = Attack(
    has="a terminal's key, and a photograph before the camera",
    does="reports the failed check honestly, and registers all the same",
    code="face-inconsistent",
    check="host_agent/face.py:_require_consistency",
)


def test_face_failed(bench: Bench) -> None:
    for three, four in ((liveness(e2=False, e4=[20, 75]), [None, "not-live"]), (liveness(), match(e1=1, e3=False))):
        claims = bench.claims()
        claims[-70003] |= {3: three, 4: four}
        assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
