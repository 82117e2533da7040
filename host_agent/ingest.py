"""What becomes of one message: decode, verify, decide, store, receipt. Knows neither MQTT nor threads.

`examine` needs no store and runs on several threads at once; `settle` runs inside the store's transaction, in turn.
"""

import hashlib
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, envelope
from host_agent.attestation import Evidence, Receipt, Verdict
from host_agent.envelope import Envelope
from host_agent.errors import TokenRefused
from host_agent.policy import Context, decide
from host_agent.registry import Device, Registry
from host_agent.store import Store

EVIDENCE_TOPIC = re.compile(r"rnr/v1/[^/]+/[^/]+/up/evi")


@dataclass(frozen=True, slots=True)
class Signed:
    """A message whose signature is that of a registered key."""

    envelope: Envelope
    device: Device
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Examined:
    payload: bytes
    sha256: bytes
    publisher: Device | None  # whose topic it came on; None if no registered terminal's
    content: Signed | str  # or the code of why it could not be verified


@dataclass(frozen=True, slots=True)
class Outcome:
    sha256: bytes
    cti: bytes  # empty where it could not be read
    publisher: Device | None
    verdict: Verdict
    code: str | None = None
    is_kept: bool = True
    ended_order: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """The agent's name and key, for orders and receipts."""

    issuer: str
    kid: bytes
    key: ec.EllipticCurvePrivateKey

    def sign(self, payload: bytes) -> bytes:
        return envelope.sign(payload, self.kid, self.key)


def examine(topic: str, payload: bytes, registry: Registry) -> Examined:
    publisher = _publisher(topic, registry)
    try:
        if not EVIDENCE_TOPIC.fullmatch(topic):
            raise TokenRefused("topic-invalid")
        content = _verify(payload, registry)
    except TokenRefused as refused:
        content = refused.code
    return Examined(payload, hashlib.sha256(payload).digest(), publisher, content)


def _publisher(topic: str, registry: Registry) -> Device | None:
    match topic.split("/"):
        case ["rnr", "v1", tenant, device_id, "up", *_]:
            device = registry.device(device_id)
            return device if device is not None and device.tenant == tenant else None
    return None


def _verify(payload: bytes, registry: Registry) -> Signed:
    sealed = envelope.parse(payload)
    device = registry.device_by_kid(sealed.kid)
    if device is None:
        raise TokenRefused("key-unknown")
    envelope.verify(sealed, device.public_key)
    if sealed.typ != attestation.EVIDENCE_TYP:
        raise TokenRefused("profile-unknown")
    return Signed(sealed, device, attestation.parse_evidence(sealed.payload))


def settle(store: Store, examined: Examined, *, is_production: bool, now: int) -> Outcome:
    """Inside a transaction of the store."""
    if isinstance(examined.content, str):
        return _refuse(store, examined, examined.content, b"", now)
    sealed, device, evidence = examined.content.envelope, examined.content.device, examined.content.evidence
    payload_sha256 = sealed.payload_sha256
    if examined.publisher is device and store.is_duplicate(examined.sha256, payload_sha256):
        return Outcome(examined.sha256, evidence.cti, device, Verdict.DUPLICATE)
    context = Context(
        received_at=now,
        publisher=examined.publisher.id if examined.publisher is not None else None,
        token_sha256=examined.sha256,
        is_production=is_production,
        order=store.order_by_nonce(evidence.nonce),
        is_cti_known=store.is_cti_known(evidence.cti),
        chain=store.chain_around(device.kid, evidence),
    )
    decision = decide(evidence, device, context)
    store.link(device.kid, evidence, examined.sha256)
    if decision.code is not None and not decision.is_own:
        return _refuse(store, examined, decision.code, evidence.cti, now)
    store.add_evidence(
        evidence,
        device=device.id,
        kid=device.kid,
        sha256=examined.sha256,
        payload_sha256=payload_sha256,
        token=examined.payload,
        code=decision.code,
        received_at=now,
    )
    if decision.ended_order is not None:
        store.answer_order(decision.ended_order, evidence.cti, decision.code or evidence.results.reason)
    verdict = Verdict.STORED if decision.code is None else Verdict.REFUSED
    return Outcome(examined.sha256, evidence.cti, device, verdict, decision.code, ended_order=decision.ended_order)


def _refuse(store: Store, examined: Examined, code: str, cti: bytes, now: int) -> Outcome:
    publisher = examined.publisher
    is_kept = store.add_refusal(publisher.id if publisher else "", code, examined.sha256, examined.payload, now)
    return Outcome(examined.sha256, cti, publisher, Verdict.REFUSED, code, is_kept)


def receipt(outcome: Outcome, signer: Signer, now: int) -> tuple[str, bytes] | None:
    """(topic, token) to publish. A receipt lets the terminal delete its record: none where we have kept no copy."""
    device = outcome.publisher
    if device is None or not outcome.is_kept:
        return None
    payload = attestation.build_receipt(
        Receipt(signer.issuer, now, outcome.cti, device.ueid, outcome.sha256, outcome.verdict, outcome.code)
    )
    return f"rnr/v1/{device.tenant}/{device.id}/down/rcpt", signer.sign(payload)
