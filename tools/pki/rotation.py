"""A new attestation key for a device of the test authority, with the statement that its old key signs."""

import json
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from host_agent import envelope, keys, rotation
from host_agent.errors import ConfigError
from host_agent.rotation import Rotation

SECRET_BYTES = 32


def rotate(directory: Path, device: str, *, overlap_s: int, old_seq: int = 0, old_last: bytes = bytes(32)) -> bytes:
    """The signed statement. `attest.key` is the new key afterwards, `attest.old.key` the one that ends."""
    folder = directory / "devices" / device
    try:
        old = ec.derive_private_key(int.from_bytes((folder / "attest.key").read_bytes(), "big"), ec.SECP256R1())
        described = json.loads((folder / "device.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{device}: no such device in {directory}") from error
    new = ec.generate_private_key(ec.SECP256R1())
    statement = sign(old, new, bytes.fromhex(described["ueid"]), overlap_s, old_seq, old_last)
    fresh = folder / "attest.new.key"
    fresh.touch(mode=0o600)
    fresh.write_bytes(new.private_numbers().private_value.to_bytes(SECRET_BYTES, "big"))
    (folder / "attest.key").replace(folder / "attest.old.key")
    fresh.replace(folder / "attest.key")
    described["kid"] = keys.kid_of(new.public_key()).hex()
    (folder / "device.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return statement


def sign(
    old: ec.EllipticCurvePrivateKey,
    new: ec.EllipticCurvePrivateKey,
    ueid: bytes,
    overlap_s: int,
    old_seq: int = 0,
    old_last: bytes = bytes(32),
) -> bytes:
    now = int(time.time())
    x, y = keys.xy_of(new.public_key())
    old_kid = keys.kid_of(old.public_key())
    claims = Rotation(now, ueid, old_kid, x, y, now, now + overlap_s, old_seq, old_last)
    r, s = decode_dss_signature(new.sign(claims.to_prove(), ec.ECDSA(hashes.SHA256())))
    proof = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return envelope.sign(rotation.build(claims, proof), old_kid, old)
