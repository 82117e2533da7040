"""The claims of evidence, orders and receipts (PROTOCOL.md sections 2 to 5): bytes in, values out.

Types and sizes are exact; claims we do not know are ignored (RFC 9711). What the values mean is decided elsewhere.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from host_agent import cbor, face, typed
from host_agent.errors import TokenRefused
from host_agent.face import FaceResults

EVIDENCE_PROFILE = "tag:shiming.example,2026:registration-evidence#1"
ORDER_PROFILE = "tag:shiming.example,2026:registration-order#1"
RECEIPT_PROFILE = "tag:shiming.example,2026:registration-receipt#1"
EVIDENCE_TYP = "application/eat+cwt"

ISS, EXP, IAT, CTI, NONCE = 1, 4, 6, 7, 10
UEID, OEMID, HWMODEL, HWVERSION, OEMBOOT, DBGSTAT = 256, 258, 259, 260, 262, 263
PROFILE, BOOTCOUNT, BOOTSEED, SWNAME, SWVERSION = 265, 267, 268, 270, 271
SEQ, PREV, RESULTS, IDENTITY, CLOCK = -70001, -70002, -70003, -70004, -70006
FRESHNESS, CUSTODY = -70007, -70008
ORDER_ID, MSISDN, CHANNEL = -70010, -70011, -70012
TOKEN_SHA256, ANSWERS = -70020, -70021

DIGEST_BYTES = 32
ANSWERS_MAX = 16  # in one receipt
NONCE_BYTES = EPOCH_BYTES = 16
NO_PREVIOUS = bytes(DIGEST_BYTES)

ORDER_ID_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
MSISDN_FORM = re.compile(r"[0-9]{1,15}")


class Verdict(IntEnum):
    STORED = 1
    DUPLICATE = 2
    REFUSED = 3


class DocumentType(IntEnum):
    RESIDENT = 1
    HMT_PERMIT = 2
    FOREIGN_2017 = 3
    FOREIGN_2023 = 4


class Validity(IntEnum):
    NOT_CHECKED = 0
    VALID = 1
    EXPIRED = 2
    NOT_YET_VALID = 3


class ClockSource(IntEnum):
    NONE = 0
    BUILD_FLOOR = 1
    LAST_GOOD = 2
    NETWORK = 3
    AUTHENTICATED = 4


class Custody(IntEnum):
    """Where the key that signs is kept."""

    SOFTWARE = 1
    ELEMENT = 2


class FreshnessKind(IntEnum):
    ONLINE = 1  # the nonce of an order that was sent for this customer
    PREISSUED = 2  # one out of a sheet


@dataclass(frozen=True, slots=True)
class Results:
    document_type: int | None
    read_method: int | None
    face: FaceResults
    channel: str
    read_attempts: int | None
    reason: str | None
    order_id: str
    sam_id: str | None
    is_number_valid: bool | None
    validity: Validity | None
    card_to_claim_ms: int | None


@dataclass(frozen=True, slots=True)
class Clock:
    was_offline: bool
    source: ClockSource
    uncertainty_s: int | None


@dataclass(frozen=True, slots=True)
class Freshness:
    kind: FreshnessKind
    epoch: bytes | None  # the last one that the terminal had heard


@dataclass(frozen=True, slots=True)
class Evidence:
    profile: str
    iat: int
    cti: bytes
    nonce: bytes
    ueid: bytes
    oemid: bytes
    hwmodel: bytes
    hwversion: str
    oemboot: bool
    dbgstat: int
    bootcount: int
    bootseed: bytes
    swname: str
    swversion: str
    seq: int
    prev: bytes
    results: Results
    identity: bytes | None
    clock: Clock
    freshness: Freshness
    custody: Custody


@dataclass(frozen=True, slots=True)
class Order:
    iat: int
    exp: int
    nonce: bytes
    ueid: bytes
    order_id: str
    msisdn: str
    channel: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one token; `cti` is empty where it could not be read."""

    token_sha256: bytes
    cti: bytes
    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    issuer: str
    iat: int
    ueid: bytes | None
    answers: tuple[Answer, ...]

    def about(self, token_sha256: bytes) -> Answer | None:
        return next((answer for answer in self.answers if answer.token_sha256 == token_sha256), None)


def parse_evidence(payload: bytes, profile: str = EVIDENCE_PROFILE) -> Evidence:
    claims = _claims(payload, profile)
    results = _parse_results(typed.submap(claims, RESULTS))
    identity = typed.octets(claims, IDENTITY, 1, cbor.MAX_BYTES) if IDENTITY in claims else None
    if (identity is None) != (results.reason is not None):
        raise typed.malformed("identity is there exactly when there is no reason")
    return Evidence(
        profile=profile,
        iat=typed.uint(claims, IAT),
        cti=typed.octets(claims, CTI, 16),
        nonce=typed.octets(claims, NONCE, 16),
        ueid=_ueid(claims),
        oemid=typed.octets(claims, OEMID, 16),
        hwmodel=typed.octets(claims, HWMODEL, 1, 32),
        hwversion=typed.single_text(claims, HWVERSION),
        oemboot=typed.boolean(claims, OEMBOOT),
        dbgstat=typed.uint(claims, DBGSTAT, 4),
        bootcount=typed.uint(claims, BOOTCOUNT),
        bootseed=typed.octets(claims, BOOTSEED, 8),
        swname=typed.text(claims, SWNAME),
        swversion=typed.single_text(claims, SWVERSION),
        seq=_seq(claims),
        prev=typed.octets(claims, PREV, DIGEST_BYTES),
        results=results,
        identity=identity,
        clock=_parse_clock(claims),
        freshness=_parse_freshness(claims),
        custody=_parse_custody(claims),
    )


def build_order(order: Order) -> bytes:
    payload = cbor.encode(
        {
            EXP: order.exp,
            IAT: order.iat,
            NONCE: order.nonce,
            UEID: order.ueid,
            PROFILE: ORDER_PROFILE,
            ORDER_ID: order.order_id,
            MSISDN: order.msisdn,
            CHANNEL: order.channel,
        }
    )
    parse_order(payload)  # the values come from a clerk: never sign what no terminal would take
    return payload


def parse_order(payload: bytes) -> Order:
    claims = _claims(payload, ORDER_PROFILE)
    return Order(
        iat=typed.uint(claims, IAT),
        exp=typed.uint(claims, EXP),
        nonce=typed.octets(claims, NONCE, 16),
        ueid=_ueid(claims),
        order_id=typed.text(claims, ORDER_ID, ORDER_ID_FORM),
        msisdn=typed.text(claims, MSISDN, MSISDN_FORM),
        channel=typed.text(claims, CHANNEL),
    )


def build_receipt(receipt: Receipt) -> bytes:
    claims: dict[int, object] = {
        ISS: receipt.issuer,
        IAT: receipt.iat,
        PROFILE: RECEIPT_PROFILE,
        ANSWERS: [_build_answer(answer) for answer in receipt.answers],
    }
    if receipt.ueid is not None:
        claims[UEID] = receipt.ueid
    return cbor.encode(claims)


def _build_answer(answer: Answer) -> list[object]:
    told: list[object] = [answer.token_sha256, answer.cti, int(answer.verdict)]
    return told if answer.reason is None else [*told, answer.reason]


def parse_receipt(payload: bytes) -> Receipt:
    claims = _claims(payload, RECEIPT_PROFILE)
    told = claims.get(ANSWERS)
    if not isinstance(told, list) or not 1 <= len(told) <= ANSWERS_MAX:
        raise typed.malformed("a receipt answers 1 to 16 tokens")
    answers = tuple(map(_parse_answer, told))
    if len({answer.token_sha256 for answer in answers}) != len(answers):
        raise typed.malformed("a receipt answers a token twice")
    return Receipt(
        issuer=typed.text(claims, ISS),
        iat=typed.uint(claims, IAT),
        ueid=_ueid(claims) if UEID in claims else None,
        answers=answers,
    )


def _parse_answer(told: Any) -> Answer:
    match told:
        case [bytes() as digest, bytes() as cti, verdict, *reason] if (
            len(digest) == DIGEST_BYTES
            and len(cti) in (0, 16)
            and typed.is_integer(verdict, min(Verdict), max(Verdict))
            and len(reason) == (verdict == Verdict.REFUSED)
            and all(typed.is_text(code) and typed.CODE.fullmatch(code) for code in reason)
        ):
            return Answer(digest, cti, Verdict(verdict), *reason)
    raise typed.malformed("an answer of a receipt has a wrong shape")


def _parse_results(results: dict[Any, Any]) -> Results:
    has_card = 1 in results
    if any((key in results) != has_card for key in (2, 7, 11, 12)):
        raise typed.malformed("results of a card read are there together or not at all")
    is_number_valid, validity = _parse_checks(results) if has_card else (None, None)
    return Results(
        document_type=typed.uint(results, 1) if has_card else None,
        read_method=typed.uint(results, 2) if has_card else None,
        face=face.parse(results, is_refusal=8 in results),
        channel=typed.text(results, 5),
        read_attempts=typed.uint(results, 7) if has_card else None,
        reason=typed.text(results, 8, typed.CODE) if 8 in results else None,
        order_id=typed.text(results, 9, ORDER_ID_FORM),
        sam_id=typed.text(results, 10) if 10 in results else None,
        is_number_valid=is_number_valid,
        validity=validity,
        card_to_claim_ms=typed.uint(results, 12) if has_card else None,
    )


def _parse_checks(results: dict[Any, Any]) -> tuple[bool, Validity]:
    match results.get(11):
        case [bool() as is_number_valid, validity] if typed.is_uint(validity) and validity <= Validity.NOT_YET_VALID:
            return is_number_valid, Validity(validity)
    raise typed.malformed("claim 11 of the results has a wrong shape")


def _parse_clock(claims: dict[Any, Any]) -> Clock:
    match claims.get(CLOCK):
        case [bool() as was_offline, source, uncertainty] if (
            typed.is_uint(source)
            and source <= ClockSource.AUTHENTICATED
            and (uncertainty is None or typed.is_uint(uncertainty))
        ):
            return Clock(was_offline, ClockSource(source), uncertainty)
    raise typed.malformed("the clock claim has a wrong shape")


def _parse_custody(claims: dict[Any, Any]) -> Custody:
    custody = typed.uint(claims, CUSTODY)
    if custody not in list(Custody):
        raise typed.malformed("unknown custody of the key")
    return Custody(custody)


def _parse_freshness(claims: dict[Any, Any]) -> Freshness:
    match claims.get(FRESHNESS):
        case [kind, (None | bytes()) as epoch] if typed.is_integer(kind, 1, FreshnessKind.PREISSUED) and (
            epoch is None or len(epoch) == EPOCH_BYTES
        ):
            return Freshness(FreshnessKind(kind), epoch)
    raise typed.malformed("the freshness claim has a wrong shape")


def _claims(payload: bytes, profile: str) -> dict[Any, Any]:
    claims = cbor.decode(payload)
    if not isinstance(claims, dict):
        raise typed.malformed("the claims are not a map")
    if claims.get(PROFILE) != profile:
        raise TokenRefused("profile-unknown")
    return claims


def _seq(claims: dict[Any, Any]) -> int:
    seq = typed.uint(claims, SEQ)
    if seq == 0 or (seq == 1) != (claims.get(PREV) == NO_PREVIOUS):
        raise typed.malformed("seq counts from 1, and only the first token has no predecessor")
    return seq


def _ueid(claims: dict[Any, Any]) -> bytes:
    ueid = typed.octets(claims, UEID, 17)
    if ueid[0] != 1:
        raise typed.malformed("a ueid of another type than RAND")
    return ueid
