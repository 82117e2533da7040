"""A new key that is not the terminal's own."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope, keys, rotation
from tests.attacks.bench import Attack, Bench
from tests.host_agent.test_history import Office
from tools.pki import rotation as pki_rotation

ATTACK = Attack(
    has="the key of t-0001, and somebody's public key",
    does="names that key as the new one of t-0001, so that the other answers for it",
    code="signature-invalid",
    check="host_agent/rotation.py:read",
)


def test_rotation_to_anothers_key(own_pki: Path, tmp_path: Path, bench: Bench) -> None:
    old, other = bench.terminal_key(), ec.generate_private_key(ec.SECP256R1())
    own = pki_rotation.sign(old, ec.generate_private_key(ec.SECP256R1()), bench.terminal.ueid, 600)
    x, y = keys.xy_of(other.public_key())
    claims = cbor.decode(envelope.parse(own).payload) | {rotation.CNF: {1: {1: 2, -1: 1, -2: x, -3: y}}}
    statement = envelope.sign(cbor.encode(claims), keys.kid_of(old.public_key()), old)
    file = tmp_path / "statement"
    file.write_bytes(statement)
    arguments = ("rotate", "t-0001", "--statement", str(file), "--reason", "yearly", "--by", "li")
    assert Office(own_pki, tmp_path).device(*arguments) == {"error": ATTACK.code}
