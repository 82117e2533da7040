"""Firmware that no boot loader has checked."""

from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal with firmware of his own, closed again",
    does="registers in production with a build that was not verified at boot",
    code="device-debug",
    check="host_agent/policy.py:_device_code",
)


def test_unverified_boot(bench: Bench) -> None:
    bench.is_production = True
    bench.trust_with(is_production=True)
    assert bench.both_say(bench.terminal.sign(bench.claims() | {262: False, 263: 2})) == {ATTACK.code}
