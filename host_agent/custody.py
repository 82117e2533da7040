"""The chain of custody of one attestation: the token, the agent's receipt, the backend's, each checked anew.

Pure: bytes and public keys in, findings out. What a database says of a token is not believed here, only what is signed.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from host_agent import attestation, envelope
from host_agent.attestation import Answer, ClockSource, Evidence, Verdict
from host_agent.envelope import Envelope
from host_agent.errors import TokenRefused
from host_agent.registry import Key, Registry

EVIDENCE, AGENT_RECEIPT, BACKEND_RECEIPT = "evidence", "agent-receipt", "backend-receipt"
INVALID = {
    EVIDENCE: "custody-token-invalid",
    AGENT_RECEIPT: "custody-agent-receipt-invalid",
    BACKEND_RECEIPT: "custody-backend-receipt-invalid",
}


@dataclass(frozen=True, slots=True)
class Objects:
    """The signed objects as they are kept; None for one that is not there."""

    cti: bytes
    token_sha256: bytes
    token: bytes | None
    agent_receipt: bytes | None
    backend_receipt: bytes | None


@dataclass(frozen=True, slots=True)
class Link:
    """One object: who signed it when with which key, what it says, and what is wrong with it."""

    part: str
    who: str = ""
    at: int | None = None
    kid: bytes = b""
    sha256: bytes = b""
    says: str = ""
    code: str | None = None
    detail: str = ""


def examine(objects: Objects, trust: Registry) -> list[Link]:
    evidence = _examine_token(objects, trust)
    agent = Key(trust.agent.kid, trust.agent.public_key)
    first = _examine_receipt(AGENT_RECEIPT, objects.agent_receipt, objects, trust.agent.id, agent)
    if first.says.startswith("refused") and objects.backend_receipt is None:
        return [evidence, first]  # what the agent refused never goes to the backend
    second = _examine_receipt(BACKEND_RECEIPT, objects.backend_receipt, objects, trust.backend.id, trust.backend.sign)
    return [evidence, first, second]


def holds(links: list[Link]) -> bool:
    return all(link.code is None for link in links)


def read_token(token: bytes, trust: Registry) -> tuple[Envelope, str, Evidence]:
    """A token, its signature checked with the key of a registered device, whose id comes with it."""
    signed = envelope.parse(token)
    device = trust.device_by_kid(signed.kid)
    key = device.key(signed.kid) if device is not None else None
    if device is None or key is None:
        raise TokenRefused("key-unknown")
    envelope.verify(signed, key.public_key)
    evidence = attestation.parse_evidence(signed.payload)
    if evidence.ueid != device.ueid:
        raise TokenRefused("device-mismatch")
    if evidence.clock.source >= ClockSource.NETWORK and not key.is_valid_at(evidence.iat):
        raise TokenRefused("key-not-valid")
    return signed, device.id, evidence


def _examine_token(objects: Objects, trust: Registry) -> Link:
    token = objects.token
    if token is None:
        detail = "its bytes were given up to make room; the backend holds them"
        return Link(EVIDENCE, sha256=objects.token_sha256, code="custody-incomplete", detail=detail)

    def read() -> Link:
        signed, device_id, evidence = read_token(token, trust)
        if signed.sha256 != objects.token_sha256 or evidence.cti != objects.cti:
            raise TokenRefused("custody-token-invalid", "another token than the one that was entered here")
        reason = evidence.results.reason
        says = f"seq {evidence.seq}, " + ("registration" if reason is None else f"the terminal refused: {reason}")
        return Link(EVIDENCE, device_id, evidence.iat, signed.kid, signed.sha256, says)

    return _guard(EVIDENCE, token, read)


def _examine_receipt(part: str, token: bytes | None, objects: Objects, issuer: str, key: Key) -> Link:
    if token is None:
        return Link(part, code="custody-incomplete", detail="there is none (yet)")

    def read() -> Link:
        signed = envelope.parse(token)
        if signed.kid != key.kid:
            raise TokenRefused("key-unknown", "signed with another key than the party's")
        envelope.verify(signed, key.public_key)
        receipt = attestation.parse_receipt(signed.payload)
        answer = receipt.about(objects.token_sha256)
        if receipt.issuer != issuer or answer is None or answer.cti != objects.cti:
            raise TokenRefused("receipt-invalid", "it is about other tokens, or names another issuer")
        return Link(part, issuer, receipt.iat, signed.kid, signed.sha256, _says(answer))

    return _guard(part, token, read)


def _guard(part: str, token: bytes, read: Callable[[], Link]) -> Link:
    try:
        return read()
    except TokenRefused as refused:
        digest = hashlib.sha256(token).digest()
        return Link(part, sha256=digest, code=INVALID[part], detail=f"{refused} ({refused.code})")


def _says(answer: Answer) -> str:
    match answer.verdict:
        case Verdict.REFUSED:
            return f"refused: {answer.reason}"
        case verdict:
            return verdict.name.lower()
