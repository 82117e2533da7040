"""A model whose scores mean something else."""

from host_agent.policy import FacePolicy
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal's settings",
    does="compares with a net for which no threshold has been agreed",
    code="model-not-allowed",
    check="host_agent/policy.py:face_code",
)


def test_face_model_unlisted(bench: Bench) -> None:
    bench.face = FacePolicy(match_min_permille={"another-net": 485})
    bench.trust_with(face=bench.face)
    assert bench.both_say(bench.token()) == {ATTACK.code}
