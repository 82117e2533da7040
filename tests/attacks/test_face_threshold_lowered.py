"""A threshold lowered on the terminal."""

from host_agent.policy import FacePolicy
from tests.attacks.bench import STORED, Attack, Bench
from tests.host_agent.terminal_double import match

ATTACK = Attack(
    has="a terminal's settings",
    does="lowers the threshold until anybody matches; the token says so, as it must",
    code="match-threshold-low",
    check="host_agent/policy.py:face_code",
)


def test_face_threshold_lowered(bench: Bench) -> None:
    bench.face = FacePolicy(match_min_permille={"mobilefacenet-test": 485})
    bench.trust_with(face=bench.face)
    results = bench.terminal.results("order-1", None) | {4: match(e1=120, e2=100)}
    assert bench.both_say(bench.signed({-70003: results}, order_id="order-1")) == {ATTACK.code}
    assert bench.both_say(bench.token()) == {STORED}
