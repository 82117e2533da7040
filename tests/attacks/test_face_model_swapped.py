"""A model of the attacker's own."""

from host_agent.policy import FacePolicy
from tests.attacks.bench import Attack, Bench
from tests.host_agent.terminal_double import MODELS

ATTACK = Attack(
    has="a terminal, and a net that says yes to everybody",
    does="puts it in the place of the one for faces, under the same name",
    code="model-not-allowed",
    check="host_agent/policy.py:face_code",
)


def test_face_model_swapped(bench: Bench) -> None:
    bench.face = FacePolicy(models=frozenset(MODELS.values()))
    bench.trust_with(face=bench.face)
    claims = bench.claims()
    claims[-70003][13] = MODELS | {"mobilefacenet-test": b"\x66" * 32}
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
