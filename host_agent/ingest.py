"""What becomes of one message: decode, verify, decide, store, receipt. Knows neither MQTT nor threads.

`examine` needs no store and runs on several threads at once; `settle` runs inside the store's transaction, in turn.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import attestation, envelope, flight_log, rotation
from host_agent.attestation import ANSWERS_MAX, Answer, Evidence, Receipt, Verdict
from host_agent.envelope import Envelope
from host_agent.errors import TokenRefused
from host_agent.flight_log import SHEET_KEPT, Statement
from host_agent.key_tables import KeyChange
from host_agent.log_tables import Alarm
from host_agent.policy import (
    ANY_FIRMWARE,
    ANY_RESERVE,
    SKEW_S,
    Context,
    FacePolicy,
    FirmwarePolicy,
    ReservePolicy,
    decide,
)
from host_agent.registry import Device, DeviceKey, Registry, Status, state_code
from host_agent.rotation import Rotation
from host_agent.store import Store

UP_TOPIC = re.compile(r"rnr/v1/[^/]+/[^/]+/up/(evi|log|key)")


@dataclass(frozen=True, slots=True)
class Signed:
    """A message whose signature is that of a registered key."""

    envelope: Envelope
    device: Device
    key: DeviceKey
    claims: Evidence | Statement | Rotation


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
    alarms: Sequence[Alarm] = ()
    resent: int | None = None  # of a flight log: the entries that tell of evidence sent again
    has_kept_sheet: bool = False  # it says that a sheet has arrived: the next one may go


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
        place = UP_TOPIC.fullmatch(topic)
        if place is None:
            raise TokenRefused("topic-invalid")
        content = _verify(payload, registry, place[1])
    except TokenRefused as refused:
        content = refused.code
    return Examined(payload, hashlib.sha256(payload).digest(), publisher, content)


def _publisher(topic: str, registry: Registry) -> Device | None:
    match topic.split("/"):
        case ["rnr", "v1", tenant, device_id, "up", *_]:
            device = registry.device(device_id)
            return device if device is not None and device.tenant == tenant else None
    return None


def _verify(payload: bytes, registry: Registry, place: str) -> Signed:
    sealed = envelope.parse(payload)
    device = registry.device_by_kid(sealed.kid)
    key = device.key(sealed.kid) if device is not None else None
    if device is None or key is None:
        raise TokenRefused("key-unknown")
    envelope.verify(sealed, key.public_key)
    if sealed.typ != (attestation.EVIDENCE_TYP if place == "evi" else None):
        raise TokenRefused("profile-unknown")
    match place:
        case "log":
            claims = flight_log.parse(sealed.payload)
        case "key":
            claims = rotation.read(payload, lambda _kid: key.public_key)
        case _:
            claims = attestation.parse_evidence(sealed.payload)
    return Signed(sealed, device, key, claims)


def settle(
    store: Store,
    examined: Examined,
    *,
    is_production: bool,
    face: FacePolicy,
    now: int,
    firmware: FirmwarePolicy = ANY_FIRMWARE,
    reserve: ReservePolicy = ANY_RESERVE,
) -> Outcome:
    """Inside a transaction of the store."""
    if isinstance(examined.content, str):
        return _refuse(store, examined, examined.content, b"", now)
    sealed, device, evidence = examined.content.envelope, examined.content.device, examined.content.claims
    if isinstance(evidence, Statement):
        return _settle_log(store, examined, examined.content, evidence, now)
    if isinstance(evidence, Rotation):
        return _settle_key(store, examined, device, evidence, now)
    payload_sha256, kid = sealed.payload_sha256, sealed.kid
    publisher = examined.publisher.id if examined.publisher is not None else None
    if publisher == device.id and store.is_duplicate(examined.sha256, payload_sha256):
        return Outcome(examined.sha256, evidence.cti, device, Verdict.DUPLICATE)
    context = Context(
        received_at=now,
        publisher=publisher,
        key=examined.content.key,
        token_sha256=examined.sha256,
        is_production=is_production,
        face=face,
        order=store.order_by_nonce(evidence.nonce),
        is_cti_known=store.is_cti_known(evidence.cti),
        chain=store.chain_around(kid, evidence),
        firmware=firmware,
        reserve=reserve,
        epoch_iat=store.epoch_iat(evidence.freshness.epoch),
    )
    decision = decide(evidence, device, context)
    store.link(kid, evidence, examined.sha256)
    if decision.code is not None and not decision.is_own:
        return _refuse(store, examined, decision.code, evidence.cti, now)
    store.add_evidence(
        evidence,
        device=device.id,
        kid=kid,
        sha256=examined.sha256,
        payload_sha256=payload_sha256,
        token=examined.payload,
        code=decision.code,
        received_at=now,
    )
    _note_use(store, examined.content, now)
    if decision.ended_order is not None:
        store.answer_order(decision.ended_order, evidence.cti, decision.code or evidence.results.reason)
        store.keep_sheet_of(decision.ended_order, now)
    verdict = Verdict.STORED if decision.code is None else Verdict.REFUSED
    return Outcome(examined.sha256, evidence.cti, device, verdict, decision.code, ended_order=decision.ended_order)


def _settle_log(store: Store, examined: Examined, signed: Signed, statement: Statement, now: int) -> Outcome:
    """Whatever contradicts what is there is kept as well, and raises its alarm: a refusal would hide who did it."""
    device = signed.device
    if code := _log_code(examined.publisher, signed, statement, now):
        return _refuse(store, examined, code, b"", now)
    alarms = store.take_log(device.id, examined.sha256, examined.payload, statement, now)
    if alarms is None:
        return Outcome(examined.sha256, b"", device, Verdict.DUPLICATE, resent=0)
    _note_use(store, signed, now)
    resent = sum(entry.is_resent_evidence for entry in statement.entries)
    kept = [entry.numbers[0] for entry in statement.entries if entry.kind == SHEET_KEPT and entry.numbers]
    for number in kept:
        store.keep_sheet(device.id, number, now)
    return Outcome(
        examined.sha256, b"", device, Verdict.STORED, alarms=alarms, resent=resent, has_kept_sheet=bool(kept)
    )


def _settle_key(store: Store, examined: Examined, device: Device, statement: Rotation, now: int) -> Outcome:
    """Kept for the operator, who decides: a stolen key could sign this, too."""
    change = store.key_change(device.id)
    if code := _key_code(examined.publisher, device, statement, change, now):
        return _refuse(store, examined, code, b"", now)
    assert change is not None
    if change.statement == examined.payload:
        return Outcome(examined.sha256, b"", device, Verdict.DUPLICATE)
    store.keep_statement(device.id, examined.payload, statement.kid, statement.valid_from, statement.old_ends)
    return Outcome(examined.sha256, b"", device, Verdict.STORED)


def _key_code(
    publisher: Device | None, device: Device, statement: Rotation, change: KeyChange | None, now: int
) -> str | None:
    if publisher is None or publisher.id != device.id or statement.ueid != device.ueid:
        return "device-mismatch"
    if code := state_code(device.status):
        return code
    if change is None or change.kid != statement.old_kid or device.kid != statement.old_kid:
        return "rotation-unasked"
    return "rotation-lapsed" if statement.old_ends <= now else None


def _note_use(store: Store, signed: Signed, now: int) -> None:
    """A terminal has changed over to its next key."""
    if len(signed.device.keys) > 1 and signed.key.kid == signed.device.kid:
        store.note_use(signed.key.kid, now)


def _log_code(publisher: Device | None, signed: Signed, statement: Statement, now: int) -> str | None:
    """A suspended terminal's log is wanted more than any. By our clock: the terminal's may be what is logged."""
    device, key = signed.device, signed.key
    if publisher is None or publisher.id != device.id or statement.ueid != device.ueid:
        return "device-mismatch"
    if device.status in (Status.REVOKED, Status.RETIRED):
        return state_code(device.status)
    is_valid = any(key.is_valid_at(now + skew_s) for skew_s in (-SKEW_S, 0, SKEW_S))
    return None if is_valid else "key-not-valid"


def _refuse(store: Store, examined: Examined, code: str, cti: bytes, now: int) -> Outcome:
    publisher = examined.publisher
    is_kept = store.add_refusal(publisher.id if publisher else "", code, examined.sha256, examined.payload, now)
    return Outcome(examined.sha256, cti, publisher, Verdict.REFUSED, code, is_kept)


def keep_receipts(store: Store, outcomes: Sequence[Outcome], signer: Signer, now: int) -> list[tuple[str, bytes]]:
    """Our receipts, (topic, token) to publish, kept with their tokens. Inside the transaction that stores these.

    Signed once for up to 16 tokens of a terminal: checking a signature is what costs it most.
    """
    messages = []
    for device, answers in _answers(outcomes):
        token = signer.sign(attestation.build_receipt(Receipt(signer.issuer, now, device.ueid, answers)))
        store.add_receipt([answer.token_sha256 for answer in answers], device.id, token)
        messages.append((f"rnr/v1/{device.tenant}/{device.id}/down/rcpt", token))
    return messages


def _answers(outcomes: Sequence[Outcome]) -> Iterator[tuple[Device, tuple[Answer, ...]]]:
    """A receipt lets the terminal delete its record: no answer where we have kept no copy, and one to a token."""
    devices: dict[str, tuple[Device, dict[bytes, Answer]]] = {}
    for one in outcomes:
        if one.publisher is not None and one.is_kept:
            _, answers = devices.setdefault(one.publisher.id, (one.publisher, {}))
            answers.setdefault(one.sha256, Answer(one.sha256, one.cti, one.verdict, one.code))
    for device, answers in devices.values():
        told = tuple(answers.values())
        for start in range(0, len(told), ANSWERS_MAX):
            yield device, told[start : start + ANSWERS_MAX]
