"""A registration without a living person."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal with its camera covered",
    does="registers as if the terminal had none",
    code="liveness-required",
    check="host_agent/policy.py:face_code",
)


def test_liveness_missing(bench: Bench) -> None:
    claims = bench.claims()
    claims[-70003] |= {3: [None, "no-camera"], 4: [None, "no-camera"]}
    del claims[-70003][13]
    assert bench.both_say(bench.terminal.sign(claims)) == {ATTACK.code}
