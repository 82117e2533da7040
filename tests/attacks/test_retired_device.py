"""A terminal that was thrown away."""

from host_agent.history import Status
from tests.attacks.bench import Attack, Bench

ATTACK = Attack(
    has="a terminal from a scrapyard",
    does="switches it on again",
    code="device-retired",
    check="host_agent/registry.py:state_code",
)


def test_retired_device(bench: Bench) -> None:
    bench.change_device(status=Status.RETIRED)
    assert bench.both_say(bench.token()) == {ATTACK.code}
