"""A terminal that has been revoked."""

from host_agent.history import Status
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="the key of a terminal that was stolen",
    does="signs with it, from wherever he is",
    code="device-revoked",
    check="host_agent/registry.py:state_code",
)


def test_revoked_device(bench: Bench) -> None:
    bench.change_device(status=Status.REVOKED)
    assert bench.both_say(bench.token()) == {ATTACK.code}
