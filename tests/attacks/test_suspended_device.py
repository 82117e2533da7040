"""A terminal that has been suspended."""

from host_agent.history import Status
from tests.attacks.bench import STORED, Attack, Bench

ATTACK = Attack(
    has="a terminal that was reported lost",
    does="goes on registering with it",
    code="device-suspended",
    check="host_agent/registry.py:state_code",
)


def test_suspended_device(bench: Bench) -> None:
    bench.change_device(status=Status.SUSPENDED)
    token = bench.token()
    assert bench.both_say(token) == {ATTACK.code}
    bench.change_device(status=Status.ACTIVE)
    assert bench.both_say(bench.token()) == {STORED}
