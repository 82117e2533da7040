"""The evidence claims of one registration (firmware/PROTOCOL.md §3): values in, deterministic CBOR out. Pure.

A step that was not performed says so with its reason; nothing is left for the reader to guess.
"""

from collections import namedtuple

from terminal import cbor, version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.agent_messages import Order
    from terminal.card import Person
    from terminal.config import Config

MEDIA_TYPE = "application/eat+cwt"  # RFC 9782, header `typ`
PROFILE = "tag:shiming.example,2026:registration-evidence#1"

IAT, CTI, NONCE, UEID = 6, 7, 10, 256
OEMID, HWMODEL, HWVERSION, OEMBOOT, DBGSTAT, EAT_PROFILE = 258, 259, 260, 262, 263, 265
BOOTCOUNT, BOOTSEED, SWNAME, SWVERSION = 267, 268, 270, 271
SEQ, PREV, RESULTS, IDENTITY, CLOCK, CUSTODY = -70001, -70002, -70003, -70004, -70006, -70008

METHOD_SAM_MODULE = 1

# Identity map: the keys of terminal.card.FIELDS, in their order
_FIELD_KEYS = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0d\x0e\x0f\x10\x11\x12\x13"

# What a card read to the end gave, without a word of who it is; `document` and `validity` as in terminal.card.
Reading = namedtuple("Reading", ("document", "attempts", "is_number_right", "validity"))
Boot = namedtuple("Boot", ("count", "seed", "is_oem_booted", "debug_status"))
Clock = namedtuple("Clock", ("was_offline", "source", "uncertainty_s"))
# Of the face: `liveness`, `match` and `models` as in the results map; `reason` of a refusal, or None
Findings = namedtuple("Findings", ("liveness", "match", "models", "reason"))

# Why nothing was performed
NO_CAMERA, NOT_REACHED = "no-camera", "not-reached"


def no_face(reason: str) -> Findings:
    return Findings([None, reason], [None, reason], None, None)


def results(
    order: "Order",
    sam_id: "str | None",
    reading: "Reading | None",
    age_ms: "int | None",
    face: Findings,
    reason: "str | None",
) -> dict:
    """The results map. `sam_id` is None when no reader answered, `reading` when no card was read, which was found
    `age_ms` ago; `reason` when there is nothing to refuse."""
    found = {3: face.liveness, 4: face.match, 5: order.channel, 9: order.id}
    if sam_id:
        found[10] = sam_id
    if reading:
        found[1] = reading.document
        found[2] = METHOD_SAM_MODULE
        found[7] = reading.attempts
        found[11] = [reading.is_number_right, reading.validity]
        found[12] = age_ms
    if reason:
        found[8] = reason
    if face.models:
        found[13] = face.models
    return found


def identity(person: "Person", addresses: tuple, photo: bytes, msisdn: str) -> bytes:
    """The identity map, in clear: the caller seals it and wipes it. A field that the card does not have is left out."""
    entries = {10: list(addresses), 11: photo, 12: msisdn}
    for key, value in zip(_FIELD_KEYS, person):  # noqa: B905 - no `strict` on MicroPython; the rest is not for the map
        if value is not None:
            entries[key] = value
    return cbor.encode(entries)


def seal_context(ueid: bytes, cti: bytes, seq: int) -> bytes:
    """External AAD of the sealed identity: ties the ciphertext to this one token."""
    return cbor.encode([PROFILE, ueid, cti, seq])


def evidence(
    config: "Config",
    boot: Boot,
    clock: Clock,
    order: "Order",
    iat: int,
    cti: bytes,
    chain: "tuple[int, bytes]",
    found: dict,
    sealed: "bytes | None",
    custody: int,
    epoch: "bytes | None",
) -> bytes:
    """The payload to sign. `chain` is (seq, SHA-256 of the token before), `found` the results map,
    `custody` that of the signing key."""
    claims = {
        IAT: iat,
        CTI: cti,
        NONCE: order.nonce,
        UEID: config.ueid,
        OEMID: config.oemid,
        HWMODEL: config.hwmodel,
        HWVERSION: [config.hwversion],
        OEMBOOT: boot.is_oem_booted,
        DBGSTAT: boot.debug_status,
        EAT_PROFILE: PROFILE,
        BOOTCOUNT: boot.count,
        BOOTSEED: boot.seed,
        SWNAME: version.NAME,
        SWVERSION: [version.VERSION],
        SEQ: chain[0],
        PREV: chain[1],
        RESULTS: found,
        CLOCK: list(clock),
        CUSTODY: custody,
        -70007: [2 if order.sheet else 1, epoch],
    }
    if sealed is not None:
        claims[IDENTITY] = sealed
    return cbor.encode(claims)
