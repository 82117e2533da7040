"""What a terminal's flight log says (PROTOCOL.md section 12), and what is wrong with its chain. Pure.

An entry's hash is over the hash before it, its number and its bytes: so entries are judged like tokens, by `chain`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from host_agent import cbor, chain, typed
from host_agent.attestation import BOOTCOUNT, BOOTSEED, DIGEST_BYTES, IAT, PREV, PROFILE, SEQ, UEID
from host_agent.chain import Finding, Token
from host_agent.errors import TokenRefused

LOG_PROFILE = "tag:shiming.example,2026:terminal-log#1"
ENTRIES, DROPPED = -70060, -70061
ENTRIES_MAX, RANGES_MAX, NUMBERS_MAX = 256, 16, 4
KIND_MAX = 23
EVENTS = {
    1: "boot",
    2: "fault",
    3: "refusal",
    4: "retry",
    5: "clock step",
    6: "configuration",
    7: "firmware",
    8: "tamper switch",
    9: "link",
    10: "not written",
    11: "refused by the agent",
    12: "sheet kept",
    13: "attestation key",
}
RESENT = (4, "evidence-resent")
SHEET_KEPT = 12
GAP, FORK, REGRESSION = "log-gap", "log-fork", "log-regression"
ALARMS = {"chain-gap": GAP, "chain-fork": FORK, "chain-broken": FORK, "chain-regressed": REGRESSION}

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Entry:
    """`at` is by the terminal's clock, whatever that is worth; `numbers` are explained by the kind."""

    seq: int
    prev: bytes
    sha256: bytes
    kind: int
    at: int
    code: str
    numbers: tuple[int, ...]

    @property
    def event(self) -> str:
        return EVENTS.get(self.kind, f"kind {self.kind}")

    @property
    def is_resent_evidence(self) -> bool:
        return (self.kind, self.code) == RESENT

    @property
    def token(self) -> Token:
        return Token(self.seq, self.prev, self.sha256)


@dataclass(frozen=True, slots=True)
class Statement:
    ueid: bytes
    iat: int
    bootcount: int
    entries: tuple[Entry, ...]
    dropped: tuple[tuple[int, int], ...]  # first and last number of what the terminal does not have any more

    @property
    def first(self) -> int:
        return self.entries[0].seq

    @property
    def last(self) -> int:
        return self.entries[-1].seq


def parse(payload: bytes) -> Statement:
    claims = cbor.decode(payload)
    if not isinstance(claims, dict):
        raise typed.malformed("the claims are not a map")
    if claims.get(PROFILE) != LOG_PROFILE:
        raise TokenRefused("profile-unknown")
    typed.octets(claims, BOOTSEED, 8)
    return Statement(
        ueid=typed.octets(claims, UEID, 17),
        iat=typed.uint(claims, IAT),
        bootcount=typed.uint(claims, BOOTCOUNT),
        entries=_entries(claims, typed.integer(claims, SEQ, 1, typed.MAX_UINT - ENTRIES_MAX)),
        dropped=tuple(_range(item) for item in _list(claims, DROPPED, RANGES_MAX)) if DROPPED in claims else (),
    )


def judge(known: Iterable[Token], first: int, last: int, dropped: Ranges) -> list[Finding]:
    """What is wrong from one number to another, by the names of the alarms. `known`: every entry that is there.

    After a fork every number comes twice: that is the same fork going on, and no counter that went back.
    """
    findings = chain.prove(set(known), first, last, given_up=dropped)
    forked = min((one.first for one in findings if ALARMS[one.code] == FORK), default=last + 1)
    return [
        Finding(FORK if one.code == "chain-regressed" and one.first > forked else ALARMS[one.code], *astuple(one)[1:])
        for one in findings
    ]


def _entries(claims: dict[Any, Any], first: int) -> tuple[Entry, ...]:
    entries = []
    prev = typed.octets(claims, PREV, DIGEST_BYTES)
    for seq, body in enumerate(_list(claims, ENTRIES, ENTRIES_MAX), first):
        if not isinstance(body, bytes):
            raise typed.malformed("an entry of a flight log is not bytes")
        entries.append(_entry(seq, prev, body))
        prev = entries[-1].sha256
    return tuple(entries)


def _entry(seq: int, prev: bytes, body: bytes) -> Entry:
    """Codes and numbers only: no other text gets into a log, whoever has written it."""
    match cbor.decode(body):
        case [kind, at, str() as code, *numbers] if (
            typed.is_integer(kind, 1, KIND_MAX)
            and typed.is_uint(at)
            and typed.is_text(code)
            and typed.CODE.fullmatch(code)
            and len(numbers) <= NUMBERS_MAX
            and all(typed.is_integer(number, -typed.MAX_UINT, typed.MAX_UINT) for number in numbers)
        ):
            digest = hashlib.sha256(prev + seq.to_bytes(8, "big") + body).digest()
            return Entry(seq, prev, digest, kind, at, code, tuple(numbers))
    raise typed.malformed("an entry of a flight log has a wrong shape")


def _range(item: Any) -> tuple[int, int]:
    match item:
        case [first, last] if typed.is_integer(first, 1, typed.MAX_UINT) and typed.is_integer(
            last, first, typed.MAX_UINT
        ):
            return first, last
    raise typed.malformed("what is dropped has a wrong shape")


def _list(claims: dict[Any, Any], key: int, most: int) -> list[Any]:
    value = claims.get(key)
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise typed.malformed(f"claim {key} is missing or not an array of the right size")
    return value
