"""A record of the registry's history that nobody in charge has signed."""

import base64
from pathlib import Path

from host_agent import envelope, keys
from host_agent.registry import Registry
from tests.attacks.bench import Attack, Bench, refusal_of
from tests.host_agent.test_history import Office

ATTACK = Attack(
    has="a terminal's key, and write access to the registry's folder",
    does="signs that his own terminal is active again",
    code="history-invalid",
    check="host_agent/history.py:read_alone",
)


def test_history_forged(own_pki: Path, tmp_path: Path, bench: Bench) -> None:
    office = Office(own_pki, tmp_path)
    office.change("suspend")
    office.change("resume")
    first, second = office.lines()
    payload = envelope.parse(base64.b64decode(second)).payload
    own_key = bench.terminal_key()
    for kid in (keys.kid_of(own_key.public_key()), bench.registry.agent.kid):
        forged = base64.b64encode(envelope.sign(payload, kid, own_key)) + b"\n"
        office.path.write_bytes(first + forged)
        assert refusal_of(lambda: Registry.load(own_pki / "registry.json")) == ATTACK.code
