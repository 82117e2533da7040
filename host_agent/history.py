"""The history of the device registry: who changed what, when and why (PROTOCOL.md section 9).

One file beside `registry.json`, one signed record a line, each with the hash of the one before: it can be added to and
not changed. What is in force follows from `registry.json` and this file together (`registry.py`).
"""

import base64
import binascii
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope
from host_agent.errors import ShimingError, TokenRefused

PROFILE = "tag:shiming.example,2026:registry-change#1"
ISS, IAT, PROFILE_LABEL, PREV = 1, 6, 265, -70002
INDEX, DEVICE, STATE, STATEMENT, WHO, WHY = -70030, -70031, -70032, -70033, -70034, -70035
NO_PREVIOUS = bytes(32)
WHO_MAX, WHY_MAX = 64, 256


class Status(StrEnum):
    REGISTERED = "registered"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    RETIRED = "retired"


# Revoked and retired are for good: such a device comes back with a new id and new keys, or not at all.
NEXT: dict[Status, frozenset[Status]] = {
    Status.REGISTERED: frozenset({Status.ACTIVE, Status.REVOKED, Status.RETIRED}),
    Status.ACTIVE: frozenset({Status.SUSPENDED, Status.REVOKED, Status.RETIRED}),
    Status.SUSPENDED: frozenset({Status.ACTIVE, Status.REVOKED, Status.RETIRED}),
    Status.REVOKED: frozenset(),
    Status.RETIRED: frozenset({Status.REVOKED}),
}


class HistoryInvalid(ShimingError):
    code = "history-invalid"


class HistoryTruncated(ShimingError):
    code = "history-truncated"


@dataclass(frozen=True, slots=True)
class Change:
    """A new state, or a new key with the statement of the device's old one."""

    at: int
    device: str
    state: Status | None
    statement: bytes | None
    who: str
    why: str
    issuer: str = ""
    sha256: bytes = NO_PREVIOUS  # of the signed record


@dataclass(frozen=True, slots=True)
class Head:
    """How long the history is, and the hash of its last record."""

    length: int = 0
    sha256: bytes = NO_PREVIOUS


Signers = Mapping[bytes, tuple[str, ec.EllipticCurvePublicKey]]  # kid to name and key
Sign = Callable[[bytes], bytes]


def load(path: Path, signers: Signers) -> list[Change]:
    """Every record, checked; none where there is no file yet. An unfinished last line is one being written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise HistoryInvalid(f"{path}: cannot be read ({error.strerror})") from error
    lines = content.split(b"\n")[:-1]
    return list(verify(_decode(lines), signers))


def verify(records: Iterable[bytes], signers: Signers) -> Iterable[Change]:
    prev = NO_PREVIOUS
    for number, record in enumerate(records, 1):
        try:
            change = _read(record, number, prev, signers)
        except TokenRefused as refused:
            raise HistoryInvalid(f"record {number} of the device history: {refused}") from refused
        yield change
        prev = change.sha256


def head_of(changes: list[Change]) -> Head:
    return Head(len(changes), changes[-1].sha256) if changes else Head()


def check_extends(changes: list[Change], known: Head | None) -> None:
    """What was read once must still be there."""
    if known is None or known.length == 0:
        return
    if len(changes) < known.length or changes[known.length - 1].sha256 != known.sha256:
        raise HistoryTruncated(
            f"the device history does not have the {known.length} records any more that were read before"
        )


def append(path: Path, signers: Signers, issuer: str, sign: Sign, make: Callable[[list[Change]], Change]) -> Change:
    """Adds what `make` makes of the history so far: one writer at a time, on disk before it returns."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            file.truncate(whole)  # the last writer was killed before its record was complete
        changes = list(verify(_decode(content[:whole].split(b"\n")[:-1]), signers))
        record = sign(_build(make(changes), head_of(changes), issuer))
        change = _read(record, len(changes) + 1, head_of(changes).sha256, signers)  # none that no reader would take
        file.write(base64.b64encode(record) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return change


def records(path: Path) -> list[bytes]:
    """As signed, for an auditor."""
    return _decode(path.read_bytes().split(b"\n")[:-1]) if path.exists() else []


def _decode(lines: list[bytes]) -> list[bytes]:
    try:
        return [base64.b64decode(line, validate=True) for line in lines]
    except binascii.Error as error:
        raise HistoryInvalid("a line of the device history is not base64") from error


def _build(change: Change, head: Head, issuer: str) -> bytes:
    claims: dict[int, object] = {
        ISS: issuer,
        IAT: change.at,
        PROFILE_LABEL: PROFILE,
        PREV: head.sha256,
        INDEX: head.length + 1,
        DEVICE: change.device,
        WHO: change.who,
        WHY: change.why,
    }
    if change.state is not None:
        claims[STATE] = str(change.state)
    if change.statement is not None:
        claims[STATEMENT] = change.statement
    return cbor.encode(claims)


def _read(record: bytes, number: int, prev: bytes, signers: Signers) -> Change:
    change, place = read_alone(record, signers)
    if place != (number, prev):
        raise TokenRefused("chain-broken", "it does not follow the record before it")
    return change


def read_alone(record: bytes, signers: Signers) -> tuple[Change, tuple[object, object]]:
    """One record without the ones before it: its signature, and the place in the history that it claims."""
    signed = envelope.parse(record)
    if signed.kid not in signers:
        raise TokenRefused("key-unknown")
    name, public_key = signers[signed.kid]
    envelope.verify(signed, public_key)
    claims = cbor.decode(signed.payload)
    if not isinstance(claims, dict) or claims.get(PROFILE_LABEL) != PROFILE:
        raise TokenRefused("profile-unknown")
    match claims:
        case {1: str() as issuer, 6: int() as at, -70031: str() as device, -70034: str() as who, -70035: str() as why}:
            state, statement = claims.get(STATE), claims.get(STATEMENT)
        case _:
            raise TokenRefused("claims-malformed")
    if issuer != name or isinstance(at, bool):
        raise TokenRefused("claims-malformed")
    if not 0 < len(who) <= WHO_MAX or not 0 < len(why) <= WHY_MAX:
        raise TokenRefused("claims-malformed", f"who has 1 to {WHO_MAX} characters, why 1 to {WHY_MAX}")
    if (state is None) == (statement is None) or (state is not None and state not in list(Status)):
        raise TokenRefused("claims-malformed", "a change is a new state or a new key")
    if statement is not None and not isinstance(statement, bytes):
        raise TokenRefused("claims-malformed")
    known_state = Status(state) if state is not None else None
    change = Change(at, device, known_state, statement, who, why, issuer, hashlib.sha256(record).digest())
    return change, (claims.get(INDEX), claims.get(PREV))
