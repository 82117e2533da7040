"""What the evidence queue writes, byte for byte (firmware/README.md has it in a table). Pure: values in, bytes out.

Every piece carries the first bytes of the SHA-256 over all before them, so that what was damaged shows.
"""

import hashlib
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

SEGMENT_RECORDS = 30  # in one file: a mask of them is a small integer, also where that has 31 bits
RECORD_KIND = 0x11
INDEX_KIND = 0x12
STATE_KIND = 0x13
HEAD_BYTES = 50  # of a record, before its order id
CHECK_BYTES = 4
FINGERPRINT_BYTES = 6  # of an order id: two of 2 100 are the same once in 10^11 orders
KID_BYTES = 8
SLOT_BYTES = 10  # an offset, and a fingerprint
INDEX_BYTES = 305  # kind, the slots, check
NO_RECORD = 0xFFFFFFFF  # in place of an offset
NAME_BYTES = 64  # of an order id, at most
TOKEN_BYTES = 8192  # at most

Head = namedtuple("Head", ("seq", "at", "sha256", "order_id", "token_at", "token_bytes"))
State = namedtuple("State", ("seq", "sha256", "kid", "marks", "ended"))


def fingerprint(order_id: str) -> bytes:
    return hashlib.sha256(order_id.encode()).digest()[:FINGERPRINT_BYTES]


def record_head(seq: int, at: int, order_id: str, token: bytes, sha256: bytes) -> bytes:
    """Everything before the token. `at`: seconds since 1970, 0 when nobody knows."""
    name = order_id.encode()
    if not 1 <= len(name) <= NAME_BYTES or len(token) > TOKEN_BYTES:
        raise ValueError("order id or token too long")
    head = (
        bytes([RECORD_KIND, len(name)]) + len(token).to_bytes(2, "big") + seq.to_bytes(8, "big") + at.to_bytes(6, "big")
    )
    return _checked(head + sha256 + name)


def read_head(file: "BinaryIO", offset: int) -> "Head | None":
    """None where no record's head is that checks. The token itself is not looked at."""
    file.seek(offset)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES or head[0] != RECORD_KIND or not 1 <= head[1] <= NAME_BYTES:
        return None
    rest = file.read(head[1] + CHECK_BYTES)
    if not _is_sound(head + rest):
        return None
    return Head(
        int.from_bytes(head[4:12], "big"),
        int.from_bytes(head[12:18], "big"),
        head[18:50],
        str(rest[:-CHECK_BYTES], "utf-8"),
        offset + HEAD_BYTES + len(rest),
        head[2] << 8 | head[3],
    )


def new_index() -> bytearray:
    """Of a file without a record: a slot for each seq from the first."""
    return bytearray(bytes([INDEX_KIND]) + b"\xff" * (INDEX_BYTES - 1))


def put_slot(index: bytearray, slot: int, offset: int, mark: bytes) -> None:
    at = 1 + slot * SLOT_BYTES
    index[at : at + SLOT_BYTES] = offset.to_bytes(4, "big") + mark


def offset_in(index: bytearray, slot: int) -> int:
    """Where the record is; NO_RECORD where there is none."""
    at = 1 + slot * SLOT_BYTES
    return int.from_bytes(index[at : at + 4], "big")


def seal(index: bytearray) -> bytes:
    """Ends a full file: where its records are, so that a start reads this alone."""
    return _checked(bytes(index[:-CHECK_BYTES]))


def read_index(file: "BinaryIO") -> "bytes | None":
    """None when the file does not end with an index that checks."""
    size = file.seek(0, 2)
    if size < INDEX_BYTES:
        return None
    file.seek(size - INDEX_BYTES)
    found = file.read(INDEX_BYTES)
    return found if found[0] == INDEX_KIND and _is_sound(found) else None


def index_knows(index: bytes, mark: bytes) -> bool:
    """Whether one of its records is of the order with this fingerprint."""
    at = index.find(mark)
    while at >= 0:
        if at % SLOT_BYTES == 5:
            return True
        at = index.find(mark, at + 1)
    return False


def state(seq: int, sha256: bytes, kid: bytes, marks: list, ended: list) -> bytes:
    """Head of the chain, and whose it is; (first seq, mask of receipted records) of files; fingerprints of orders that
    have ended."""
    parts = [bytes([STATE_KIND]), seq.to_bytes(8, "big"), sha256, kid, len(marks).to_bytes(2, "big")]
    for first, mask in marks:
        parts.append(first.to_bytes(8, "big") + mask.to_bytes(4, "big"))
    parts.append(bytes([len(ended)]))
    return _checked(b"".join(parts + ended))


def parse_state(raw: bytes) -> "State | None":
    """None when it does not check."""
    if len(raw) < 52 + CHECK_BYTES or raw[0] != STATE_KIND or not _is_sound(raw):
        return None
    at = 51
    marks = {}
    for _ in range(raw[49] << 8 | raw[50]):
        marks[int.from_bytes(raw[at : at + 8], "big")] = int.from_bytes(raw[at + 8 : at + 12], "big")
        at += 12
    ended = raw[at + 1 : -CHECK_BYTES]
    each = [ended[i : i + FINGERPRINT_BYTES] for i in range(0, len(ended), FINGERPRINT_BYTES)]
    return State(int.from_bytes(raw[1:9], "big"), raw[9:41], raw[41:49], marks, each)


def _checked(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()[:CHECK_BYTES]


def _is_sound(content: bytes) -> bool:
    return hashlib.sha256(content[:-CHECK_BYTES]).digest()[:CHECK_BYTES] == content[-CHECK_BYTES:]
