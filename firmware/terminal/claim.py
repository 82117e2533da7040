"""The evidence claims of one registration (firmware/PROTOCOL.md §3): values in, deterministic CBOR out. Pure.

A step that was not performed says so with its reason; nothing is left for the reader to guess.
"""

from collections import namedtuple

from terminal import cbor, version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.agent_messages import Order
    from terminal.card import Resident
    from terminal.config import Config

MEDIA_TYPE = "application/eat+cwt"  # RFC 9782, header `typ`
PROFILE = "tag:shiming.example,2026:registration-evidence#1"

IAT, CTI, NONCE, UEID = 6, 7, 10, 256
OEMID, HWMODEL, HWVERSION, OEMBOOT, DBGSTAT, EAT_PROFILE = 258, 259, 260, 262, 263, 265
BOOTCOUNT, BOOTSEED, SWNAME, SWVERSION = 267, 268, 270, 271
SEQ, PREV, RESULTS, IDENTITY, CLOCK = -70001, -70002, -70003, -70004, -70006

DOCUMENT_RESIDENT = 1
METHOD_SAM_MODULE = 1

# What this firmware cannot do yet, said in the claim.
NO_FACE_ENGINE = [None, "no-face-engine"]

# What a card read to the end gave, without a word of who it is; `validity` as in terminal.card.
Reading = namedtuple("Reading", ("attempts", "is_number_right", "validity", "age_ms"))
Boot = namedtuple("Boot", ("count", "seed", "is_oem_booted", "debug_status"))
Clock = namedtuple("Clock", ("was_offline", "source", "uncertainty_s"))


def results(order: "Order", sam_id: "str | None", reading: "Reading | None", reason: "str | None") -> dict:
    """The results map. `sam_id` is None when no reader answered, `reading` when no resident card was read,
    `reason` when there is nothing to refuse."""
    found = {3: NO_FACE_ENGINE, 4: NO_FACE_ENGINE, 5: order.channel, 9: order.id}
    if sam_id:
        found[10] = sam_id
    if reading:
        found[1] = DOCUMENT_RESIDENT
        found[2] = METHOD_SAM_MODULE
        found[7] = reading.attempts
        found[11] = [reading.is_number_right, reading.validity]
        found[12] = reading.age_ms
    if reason:
        found[8] = reason
    return found


def identity(person: "Resident", addresses: tuple, photo: bytes, msisdn: str) -> bytes:
    """The identity map, in clear: the caller seals it and wipes it."""
    return cbor.encode(
        {
            1: person.name,
            2: person.sex,
            3: person.ethnic,
            4: person.birth,
            5: person.address,
            6: person.number,
            7: person.issuer,
            8: person.valid_from,
            9: person.valid_to,
            10: list(addresses),
            11: photo,
            12: msisdn,
        }
    )


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
) -> bytes:
    """The payload to sign. `chain` is (seq, SHA-256 of the token before), `found` the results map."""
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
    }
    if sealed is not None:
        claims[IDENTITY] = sealed
    return cbor.encode(claims)
