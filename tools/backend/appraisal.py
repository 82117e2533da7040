"""What the backend thinks of one token, without its books: the agent is not trusted, so everything is checked again.

Pure but for the key that opens the identity data; runs on any thread.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, envelope, sealed
from host_agent.attestation import ClockSource, Evidence, Validity
from host_agent.errors import TokenRefused
from host_agent.registry import Device, Registry, Status
from host_agent.sealed import Identity

RESIDENT, SAM_MODULE = 1, 1
DBGSTAT_DISABLED_SINCE_BOOT = 2
MAX_AHEAD_S = 300  # how far a synchronised terminal clock may be ahead of ours
CHINA = timezone(timedelta(hours=8))
LONG_TERM = "长期"

_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_MSISDN = re.compile(r"[0-9]{1,15}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"


@dataclass(frozen=True, slots=True)
class Trust:
    registry: Registry
    seal_key: ec.EllipticCurvePrivateKey
    is_production: bool


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
        if device is None:
            raise TokenRefused("key-unknown")
        envelope.verify(signed, device.public_key)
        evidence = attestation.parse_evidence(signed.payload)
        cti = evidence.cti
        _check_terminal(evidence, device, now, trust.is_production)
        identity = _open(evidence, now, trust) if evidence.results.reason is None else None
    except TokenRefused as refusal:
        return Rejected(hashlib.sha256(token).digest(), cti, refusal.code)
    return Genuine(token, signed.sha256, signed.payload_sha256, device.kid, device.id, evidence, identity)


def is_number_valid(number: str, birth_date: str) -> bool:
    """GB 11643: a check digit (ISO 7064 MOD 11-2), and the birth date in the middle."""
    if not _NUMBER.fullmatch(number) or number[6:14] != birth_date or not _is_date(birth_date):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number[:17], strict=True))
    return _CHECK_DIGITS[total % 11] == number[17]


def _check_terminal(evidence: Evidence, device: Device, now: int, is_production: bool) -> None:
    if device.status is not Status.ACTIVE:
        raise TokenRefused("device-suspended")
    if evidence.ueid != device.ueid:
        raise TokenRefused("device-mismatch")
    if is_production and not (evidence.oemboot and evidence.dbgstat >= DBGSTAT_DISABLED_SINCE_BOOT):
        raise TokenRefused("device-debug")
    if evidence.results.channel != device.channel:
        raise TokenRefused("channel-mismatch")
    if _has_trusted_clock(evidence) and evidence.iat > now + MAX_AHEAD_S:
        raise TokenRefused("clock-implausible")


def _open(evidence: Evidence, now: int, trust: Trust) -> Identity:
    """The identity data, once the results and the data themselves show a valid card, read by the module."""
    results = evidence.results
    if (results.document_type, results.read_method) != (RESIDENT, SAM_MODULE) or not results.sam_id:
        raise TokenRefused("result-insufficient", "no resident card was read by a security module")
    if not results.is_number_valid or results.validity not in (Validity.VALID, Validity.NOT_CHECKED):
        raise TokenRefused("result-insufficient", "the terminal's own checks of the card did not pass")
    identity = sealed.open_identity(evidence, trust.seal_key)
    if not is_number_valid(identity.number, identity.birth_date):
        raise TokenRefused("number-invalid")
    if not identity.name or not _MSISDN.fullmatch(identity.msisdn):
        raise TokenRefused("identity-mismatch", "no name, or no number to register")
    _check_validity(identity, evidence.iat if _has_trusted_clock(evidence) else now)
    return identity


def _check_validity(identity: Identity, at: int) -> None:
    """A terminal without a trusted clock could not check it; we can, and look at every card."""
    if not _is_date(identity.valid_from) or not (identity.valid_to == LONG_TERM or _is_date(identity.valid_to)):
        raise TokenRefused("identity-mismatch", "the card's validity is not a pair of dates")
    today = datetime.fromtimestamp(at, UTC).astimezone(CHINA).strftime("%Y%m%d")
    if today < identity.valid_from:
        raise TokenRefused("card-not-yet-valid")
    if identity.valid_to != LONG_TERM and today > identity.valid_to:
        raise TokenRefused("card-expired")


def _is_date(text: str) -> bool:
    # strptime alone would take blanks and other scripts' digits as well
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return False
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return True


def _has_trusted_clock(evidence: Evidence) -> bool:
    return evidence.clock.source >= ClockSource.NETWORK
