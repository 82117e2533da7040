"""A revoked terminal at the broker."""

from dataclasses import replace

from host_agent.history import Status
from tests.attacks.bench import Attack
from tests.attacks.line import Line

ATTACK = Attack(
    has="a terminal whose certificate nobody thought of revoking",
    does="connects after it was revoked in the registry",
    code="device-revoked",
    check="host_agent/broker.py:EmbeddedBroker._bar_code",
)


def test_revoked_device_connects(line: Line) -> None:
    device = line.registry.device("t-0001")
    assert device is not None
    line.registry.add(replace(device, status=Status.REVOKED))
    assert line.come("t-0001").code == 0x87
    assert line.refusals() == [ATTACK.code]
