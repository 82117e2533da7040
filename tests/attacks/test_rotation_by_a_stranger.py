"""A new key for somebody else's terminal."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.bench import Attack, Bench
from tests.host_agent.test_history import Office
from tools.pki import rotation

ATTACK = Attack(
    has="the key of t-0002",
    does="signs that t-0001 has a new key, which is his",
    code="key-unknown",
    check="host_agent/rotation.py:read",
)


def test_rotation_by_a_stranger(own_pki: Path, tmp_path: Path, bench: Bench) -> None:
    own_key = ec.generate_private_key(ec.SECP256R1())
    statement = rotation.sign(bench.terminal_key("t-0002"), own_key, bench.terminal.ueid, 600)
    file = tmp_path / "statement"
    file.write_bytes(statement)
    arguments = ("rotate", "t-0001", "--statement", str(file), "--reason", "yearly", "--by", "li")
    assert Office(own_pki, tmp_path).device(*arguments) == {"error": ATTACK.code}
