"""A revocation taken out of the registry's history."""

from pathlib import Path

from host_agent.history import Status
from host_agent.registry import Registry
from tests.attacks.bench import Attack, refusal_of
from tests.host_agent.test_history import Office

ATTACK = Attack(
    has="write access to the registry's folder",
    does="cuts off the record that revoked his terminal, or deletes the file",
    code="history-truncated",
    check="host_agent/history.py:check_extends",
)


def test_history_truncated(own_pki: Path, tmp_path: Path) -> None:
    office = Office(own_pki, tmp_path)
    office.change("suspend")
    registry = Registry.load(own_pki / "registry.json")
    office.change("revoke")
    assert registry.refresh()
    lines = office.lines()
    office.path.write_bytes(lines[0])
    assert refusal_of(registry.refresh) == ATTACK.code
    office.path.unlink()
    assert refusal_of(registry.refresh) == ATTACK.code
    device = registry.device("t-0001")
    assert device is not None and device.status is Status.REVOKED
