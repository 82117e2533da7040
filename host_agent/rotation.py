"""A new attestation key, signed by the old one (PROTOCOL.md section 8): bytes in, values out.

Two signatures: the old key's says that the device wants the new key, the new key's that the device has it. Whether the
operator wants it as well is said in the history of the registry (`history.py`): a stolen key could sign this, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope, keys
from host_agent.envelope import Envelope
from host_agent.errors import TokenRefused

PROFILE = "tag:shiming.example,2026:key-rotation#1"
NBF, IAT, CNF, UEID, PROFILE_LABEL, SEQ, PREV, ENDS, PROOF = 5, 6, 8, 256, 265, -70001, -70002, -70040, -70041
PROOF_CONTEXT = "ShimingKeyRotation1"
OVERLAP_MAX_S = 31 * 86400
MAX_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Rotation:
    iat: int
    ueid: bytes
    old_kid: bytes
    x: bytes
    y: bytes
    valid_from: int  # of the new key
    old_ends: int
    old_seq: (
        int  # how many tokens the old key had signed then, and the SHA-256 of the last: its chain is at least so long
    )
    old_last: bytes

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return keys.public_from_xy(self.x, self.y)

    @property
    def kid(self) -> bytes:
        return keys.kid_of(self.public_key)

    def to_prove(self) -> bytes:
        """What the new key signs."""
        return cbor.encode(
            [PROOF_CONTEXT, self.old_kid, self.ueid, self.x, self.y, self.valid_from, self.old_ends, self.iat]
        )


def build(rotation: Rotation, proof: bytes) -> bytes:
    """The claims that the old key signs."""
    return cbor.encode(
        {
            NBF: rotation.valid_from,
            IAT: rotation.iat,
            CNF: {1: {1: 2, -1: 1, -2: rotation.x, -3: rotation.y}},
            UEID: rotation.ueid,
            PROFILE_LABEL: PROFILE,
            SEQ: rotation.old_seq,
            PREV: rotation.old_last,
            ENDS: rotation.old_ends,
            PROOF: proof,
        }
    )


def read(token: bytes, old_key: Callable[[bytes], ec.EllipticCurvePublicKey | None]) -> Rotation:
    """The statement, both signatures checked; `old_key` finds the key that it says it is signed with."""
    signed = envelope.parse(token)
    public_key = old_key(signed.kid)
    if public_key is None:
        raise TokenRefused("key-unknown")
    envelope.verify(signed, public_key)
    rotation, proof = _parse(signed)
    envelope.check_signature(proof, rotation.to_prove(), rotation.public_key)
    return rotation


def _parse(signed: Envelope) -> tuple[Rotation, bytes]:
    match cbor.decode(signed.payload):
        case {
            5: int() as valid_from,
            6: int() as iat,
            8: {1: {1: 2, -1: 1, -2: bytes() as x, -3: bytes() as y}},
            256: bytes() as ueid,
            265: str() as profile,
            -70001: int() as seq,
            -70002: bytes() as last,
            -70040: int() as ends,
            -70041: bytes() as proof,
        } if profile == PROFILE:
            pass
        case {265: str() as profile} if profile != PROFILE:
            raise TokenRefused("profile-unknown")
        case _:
            raise _invalid("a claim is missing or has a wrong type")
    if any(map(_is_no_uint, (valid_from, iat, seq, ends))) or len(last) != 32 or len(ueid) != 17:
        raise _invalid("a claim is out of range")
    if (seq == 0) != (last == bytes(32)):
        raise _invalid("the old key's chain has an end exactly when it has tokens")
    if not valid_from <= ends <= valid_from + OVERLAP_MAX_S:
        raise _invalid("both keys are valid together for 0 to 31 days")
    try:
        keys.public_from_xy(x, y)
    except ValueError as error:
        raise _invalid("the new key is not a point of the curve") from error
    return Rotation(iat, ueid, signed.kid, x, y, valid_from, ends, seq, last), proof


def _is_no_uint(value: Any) -> bool:
    return isinstance(value, bool) or not 0 <= value <= MAX_TIME


def _invalid(message: str) -> TokenRefused:
    return TokenRefused("rotation-invalid", message)
