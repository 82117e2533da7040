"""A development build in production."""

from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal whose console is open",
    does="registers with it where customers are real",
    code="device-debug",
    check="host_agent/policy.py:_device_code",
)


def test_debug_build(bench: Bench) -> None:
    bench.is_production = True
    bench.trust_with(is_production=True)
    assert bench.both_say(bench.signed({262: True, 263: 1})) == {ATTACK.code}
    assert bench.both_say(bench.signed({262: True, 263: 2})) == {STORED}
