"""Records of the registry's history out of their place."""

from pathlib import Path

from host_agent.registry import Registry
from tests.attacks.bench import Attack, refusal_of
from tests.host_agent.test_history import Office

ATTACK = Attack(
    has="write access to the registry's folder",
    does="exchanges two records, or takes out the one that suspended his terminal",
    code="history-invalid",
    check="host_agent/history.py:_read",
)


def test_history_reordered(own_pki: Path, tmp_path: Path) -> None:
    office = Office(own_pki, tmp_path)
    office.change("suspend", "t-0001")
    office.change("suspend", "t-0002")
    first, second = office.lines()
    for lines in (second + first, second):
        office.path.write_bytes(lines)
        assert refusal_of(lambda: Registry.load(own_pki / "registry.json")) == ATTACK.code
    office.path.write_bytes(first + second)
    assert Registry.load(own_pki / "registry.json").head.length == 2
