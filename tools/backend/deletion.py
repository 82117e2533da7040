"""Signed records of what was destroyed (PROTOCOL.md section 11): one person's identity data, or a seal key. Pure."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope
from host_agent.errors import TokenRefused

IDENTITY_PROFILE = "tag:shiming.example,2026:identity-deletion#1"
SEAL_KEY_PROFILE = "tag:shiming.example,2026:seal-key-destruction#1"
ISS, IAT, CTI, PROFILE, TOKEN_SHA256, WHO, WHY, SEAL_KID = 1, 6, 7, 265, -70020, -70034, -70035, -70051


@dataclass(frozen=True, slots=True)
class Decision:
    at: int
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Deletion:
    issuer: str
    decision: Decision
    cti: bytes
    token_sha256: bytes
    seal_kid: bytes  # the key to which the token is sealed; destroyed before


def build_deletion(deletion: Deletion) -> bytes:
    return cbor.encode(
        {
            ISS: deletion.issuer,
            IAT: deletion.decision.at,
            CTI: deletion.cti,
            PROFILE: IDENTITY_PROFILE,
            TOKEN_SHA256: deletion.token_sha256,
            WHO: deletion.decision.who,
            WHY: deletion.decision.why,
            SEAL_KID: deletion.seal_kid,
        }
    )


def build_destruction(issuer: str, decision: Decision, seal_kid: bytes) -> bytes:
    claims = {ISS: issuer, IAT: decision.at, PROFILE: SEAL_KEY_PROFILE, SEAL_KID: seal_kid}
    return cbor.encode(claims | {WHO: decision.who, WHY: decision.why})


def read_deletion(record: bytes, kid: bytes, public_key: ec.EllipticCurvePublicKey) -> Deletion:
    signed = envelope.parse(record)
    if signed.kid != kid:
        raise TokenRefused("key-unknown")
    envelope.verify(signed, public_key)
    match cbor.decode(signed.payload):
        case {
            1: str() as issuer, 6: int() as at, 7: bytes() as cti, 265: str() as profile,
            -70020: bytes() as sha256, -70034: str() as who, -70035: str() as why, -70051: bytes() as seal_kid,
        } if profile == IDENTITY_PROFILE:  # fmt: skip
            return Deletion(issuer, Decision(at, who, why), cti, sha256, seal_kid)
    raise TokenRefused("profile-unknown")
