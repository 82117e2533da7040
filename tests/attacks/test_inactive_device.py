"""A terminal that no shop has been given yet."""

from host_agent.history import Status
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal out of the store room",
    does="registers before anybody has activated it",
    code="device-inactive",
    check="host_agent/registry.py:state_code",
)


def test_inactive_device(bench: Bench) -> None:
    bench.change_device(status=Status.REGISTERED)
    assert bench.both_say(bench.token()) == {ATTACK.code}
