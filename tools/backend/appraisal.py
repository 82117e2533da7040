"""What the backend thinks of one token, without its books: the agent is not trusted, so everything is checked again.

Pure but for the key that opens the identity data; runs on any thread.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from host_agent import attestation, envelope, numbers, sealed
from host_agent.attestation import ClockSource, DocumentType, Evidence, Validity
from host_agent.errors import TokenRefused
from host_agent.policy import ANY_FIRMWARE, FacePolicy, FirmwarePolicy, face_code, firmware_code
from host_agent.registry import Device, Registry, state_code
from host_agent.sealed import Identity
from tools.backend.seal_keys import SealKeys

SAM_MODULE = 1
DBGSTAT_DISABLED_SINCE_BOOT = 2
MAX_AHEAD_S = 300  # how far a synchronised terminal clock may be ahead of ours
CHINA = timezone(timedelta(hours=8))
LONG_TERM = "长期"

_MSISDN = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Trust:
    registry: Registry
    seal_keys: SealKeys
    is_production: bool
    face: FacePolicy
    firmware: FirmwarePolicy = ANY_FIRMWARE


@dataclass(frozen=True, slots=True)
class Genuine:
    """Evidence of a registered terminal; with the identity data, unless it reports a refusal."""

    token: bytes
    sha256: bytes
    payload_sha256: bytes
    kid: bytes
    device_id: str
    evidence: Evidence
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class Rejected:
    sha256: bytes
    cti: bytes  # empty where the token could not be read so far
    code: str


def appraise(token: bytes, now: int, trust: Trust) -> Genuine | Rejected:
    cti = b""
    try:
        signed = envelope.parse(token)
        if signed.typ != attestation.EVIDENCE_TYP:
            raise TokenRefused("token-malformed", "the type is not that of evidence")
        device = trust.registry.device_by_kid(signed.kid)
        key = device.key(signed.kid) if device is not None else None
        if device is None or key is None:
            raise TokenRefused("key-unknown")
        envelope.verify(signed, key.public_key)
        evidence = attestation.parse_evidence(signed.payload)
        cti = evidence.cti
        _check_terminal(evidence, device, now, trust.is_production)
        if evidence.custody != key.custody:
            raise TokenRefused("custody-mismatch")
        if not key.is_valid_at(evidence.iat if _has_trusted_clock(evidence) else now):
            raise TokenRefused("key-not-valid")
        if code := firmware_code(evidence, trust.firmware) or face_code(evidence.results, trust.face):
            raise TokenRefused(code)
        identity = _open(evidence, now, trust) if evidence.results.reason is None else None
    except TokenRefused as refusal:
        return Rejected(hashlib.sha256(token).digest(), cti, refusal.code)
    return Genuine(token, signed.sha256, signed.payload_sha256, signed.kid, device.id, evidence, identity)


def _check_terminal(evidence: Evidence, device: Device, now: int, is_production: bool) -> None:
    if code := state_code(device.status):
        raise TokenRefused(code)
    if evidence.ueid != device.ueid:
        raise TokenRefused("device-mismatch")
    if is_production and not (evidence.oemboot and evidence.dbgstat >= DBGSTAT_DISABLED_SINCE_BOOT):
        raise TokenRefused("device-debug")
    if evidence.results.channel != device.channel:
        raise TokenRefused("channel-mismatch")
    # As the agent: a refusal registers nobody, and is taken whatever its clock says.
    if evidence.results.reason is None and _has_trusted_clock(evidence) and evidence.iat > now + MAX_AHEAD_S:
        raise TokenRefused("clock-implausible")


def _open(evidence: Evidence, now: int, trust: Trust) -> Identity:
    """The identity data, once the results and the data themselves show a valid card, read by the module."""
    results = evidence.results
    if results.document_type not in list(DocumentType) or results.read_method != SAM_MODULE or not results.sam_id:
        raise TokenRefused("result-insufficient", "no document that we know was read by a security module")
    if not results.is_number_valid or results.validity not in (Validity.VALID, Validity.NOT_CHECKED):
        raise TokenRefused("result-insufficient", "the terminal's own checks of the card did not pass")
    seal_key = trust.seal_keys.get(sealed.recipient_of(evidence.identity or b""))
    identity = sealed.open_identity(evidence, seal_key)
    if not numbers.is_valid(identity.document, identity.number, identity.birth_date):
        raise TokenRefused("number-invalid")
    # A foreigner may have no Chinese name
    if not (identity.name if identity.english_name is None else identity.english_name) or not _MSISDN.fullmatch(
        identity.msisdn
    ):
        raise TokenRefused("identity-mismatch", "no name, or no number to register")
    _check_validity(identity, evidence.iat if _has_trusted_clock(evidence) else now)
    return identity


def _check_validity(identity: Identity, at: int) -> None:
    """A terminal without a trusted clock could not check it; we can, and look at every card."""
    if not numbers.is_date(identity.valid_from) or not (
        identity.valid_to == LONG_TERM or numbers.is_date(identity.valid_to)
    ):
        raise TokenRefused("identity-mismatch", "the card's validity is not a pair of dates")
    today = datetime.fromtimestamp(at, UTC).astimezone(CHINA).strftime("%Y%m%d")
    if today < identity.valid_from:
        raise TokenRefused("card-not-yet-valid")
    if identity.valid_to != LONG_TERM and today > identity.valid_to:
        raise TokenRefused("card-expired")


def _has_trusted_clock(evidence: Evidence) -> bool:
    return evidence.clock.source >= ClockSource.NETWORK
