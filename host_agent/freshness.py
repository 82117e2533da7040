"""What makes evidence fresh without a link (PROTOCOL.md section 13): sheets of pre-issued orders, and epochs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from host_agent import attestation, cbor, typed
from host_agent.attestation import CHANNEL, EXP, IAT, PROFILE, UEID
from host_agent.errors import TokenRefused

SHEET_PROFILE = "tag:shiming.example,2026:order-sheet#1"
EPOCH_PROFILE = "tag:shiming.example,2026:epoch#1"
SHEET_NUMBER, SHEET_ENTRIES, EPOCH_ID = -70013, -70014, -70015
ENTRIES_MAX = 32
ENTRIES_BYTES = 1792  # all of them: what a terminal with 192 KB of heap has room to verify


@dataclass(frozen=True, slots=True)
class Entry:
    order_id: str
    nonce: bytes
    msisdn: str


@dataclass(frozen=True, slots=True)
class Sheet:
    iat: int
    exp: int
    ueid: bytes
    channel: str
    number: int
    entries: tuple[bytes, ...]  # each encoded, as a terminal opens one at a time


@dataclass(frozen=True, slots=True)
class Epoch:
    iat: int
    id: bytes


def build_entry(entry: Entry) -> bytes:
    encoded = cbor.encode([entry.order_id, entry.nonce, entry.msisdn])
    parse_entry(encoded)  # the values come from a clerk
    return encoded


def parse_entry(encoded: bytes) -> Entry:
    match cbor.decode(encoded):
        case [str() as order_id, bytes() as nonce, str() as msisdn] if (
            len(nonce) == attestation.NONCE_BYTES
            and attestation.ORDER_ID_FORM.fullmatch(order_id)
            and attestation.MSISDN_FORM.fullmatch(msisdn)
        ):
            return Entry(order_id, nonce, msisdn)
    raise typed.malformed("an entry of a sheet has a wrong shape")


def build_sheet(sheet: Sheet) -> bytes:
    payload = cbor.encode(
        {
            EXP: sheet.exp,
            IAT: sheet.iat,
            UEID: sheet.ueid,
            PROFILE: SHEET_PROFILE,
            CHANNEL: sheet.channel,
            SHEET_NUMBER: sheet.number,
            SHEET_ENTRIES: list(sheet.entries),
        }
    )
    parse_sheet(payload)
    return payload


def parse_sheet(payload: bytes) -> Sheet:
    claims = _claims(payload, SHEET_PROFILE)
    entries = claims.get(SHEET_ENTRIES)
    if not isinstance(entries, list) or not 1 <= len(entries) <= ENTRIES_MAX:
        raise typed.malformed(f"a sheet has 1 to {ENTRIES_MAX} entries")
    if sum(len(_octets(entry)) for entry in entries) > ENTRIES_BYTES:
        raise typed.malformed(f"the entries of a sheet take {ENTRIES_BYTES} bytes at most")
    for entry in entries:
        parse_entry(entry)
    return Sheet(
        iat=typed.uint(claims, IAT),
        exp=typed.uint(claims, EXP),
        ueid=typed.octets(claims, UEID, 17),
        channel=typed.text(claims, CHANNEL),
        number=typed.integer(claims, SHEET_NUMBER, 1, typed.MAX_UINT),
        entries=tuple(entries),
    )


def build_epoch(epoch: Epoch) -> bytes:
    return cbor.encode({IAT: epoch.iat, PROFILE: EPOCH_PROFILE, EPOCH_ID: epoch.id})


def parse_epoch(payload: bytes) -> Epoch:
    claims = _claims(payload, EPOCH_PROFILE)
    return Epoch(typed.uint(claims, IAT), typed.octets(claims, EPOCH_ID, attestation.EPOCH_BYTES))


def in_sheets(entries: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    sheets: list[tuple[bytes, ...]] = []
    for entry in entries:
        last = sheets[-1] if sheets else ()
        if last and len(last) < ENTRIES_MAX and sum(map(len, last)) + len(entry) <= ENTRIES_BYTES:
            sheets[-1] = (*last, entry)
        else:
            sheets.append((entry,))
    return sheets


def _claims(payload: bytes, profile: str) -> dict[Any, Any]:
    claims = cbor.decode(payload)
    if not isinstance(claims, dict):
        raise typed.malformed("the claims are not a map")
    if claims.get(PROFILE) != profile:
        raise TokenRefused("profile-unknown")
    return claims


def _octets(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise typed.malformed("an entry of a sheet is not bytes")
    return value
