"""What the flight log writes and signs, byte for byte (firmware/README.md, PROTOCOL.md §12). Pure.

An entry is CBOR, [kind, time, code, number...]: kinds, codes of the catalogue and numbers, so nothing of a person fits
in. Its hash is over the hash before it, its number and its bytes; the first bytes of that are its check on flash.
"""

import hashlib
from collections import namedtuple

from terminal import cbor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terminal.claim import Boot

PROFILE = "tag:shiming.example,2026:terminal-log#1"
BOOT, FAULT, REFUSAL, RETRY, CLOCK, CONFIGURATION, FIRMWARE, TAMPER, LINK, UNWRITTEN, AGENT_REFUSAL, SHEET, KEY = range(
    1, 14
)

IAT, UEID, EAT_PROFILE, BOOTCOUNT, BOOTSEED = 6, 256, 265, 267, 268
SEQ, PREV, ENTRIES, DROPPED = -70001, -70002, -70060, -70061

CHECK_BYTES = 4
CODE_CHARS = 64

# `bodies` are the entries that check, in order; `head` the hash of the last; `is_sound`: nothing is behind them. On
# littlefs an append is there or not, so a piece of an entry is damage, too.
Page = namedtuple("Page", ("first", "prev", "settings", "dropped", "bodies", "head", "is_sound"))


def entry(kind: int, at: int, code: str, numbers: "tuple[int, ...]" = ()) -> bytes:
    """`at`: seconds since 1970 by the terminal's clock, whatever that is worth."""
    return cbor.encode([kind, at, code if is_code(code) else "internal"] + list(numbers))


def kind_of(body: bytes) -> int:
    return body[1]


def code_of(body: bytes) -> str:
    return cbor.decode(body)[2]  # pyright: ignore[reportIndexIssue] - our own entries are arrays


def is_code(code: str) -> bool:
    """a-z 0-9 and single hyphens between them, as codes are: no other text gets into a log."""
    if not 1 <= len(code) <= CODE_CHARS or code[0] == "-" or code[-1] == "-" or "--" in code:
        return False
    return all(["a" <= char <= "z" or "0" <= char <= "9" or char == "-" for char in code])


def chained(head: "bytes | bytearray", seq: int, body: bytes) -> bytes:
    """Hash of an entry: what the next one follows."""
    return hashlib.sha256(head + seq.to_bytes(8, "big") + body).digest()


def framed(body: bytes, digest: bytes) -> bytes:
    return bytes([len(body)]) + body + digest[:CHECK_BYTES]


def page_head(first: int, prev: "bytes | bytearray", settings: list, dropped: list) -> bytes:
    """Begins a page. `settings` are the codes of configuration and firmware, `dropped` as in a statement."""
    body = cbor.encode([first, prev, settings, dropped])
    return framed(body, hashlib.sha256(body).digest())


def parse_page(raw: bytes) -> "Page | None":
    """None when its head does not check."""
    body, check, at = frame(raw, 0)
    if not at or hashlib.sha256(body).digest()[:CHECK_BYTES] != check:
        return None
    first, prev, settings, dropped = cbor.decode(body)  # pyright: ignore[reportGeneralTypeIssues] - our own, it checks
    bodies = []
    head = prev
    while at < len(raw):
        body, check, end = frame(raw, at)
        digest = chained(head, first + len(bodies), body)
        if not end or digest[:CHECK_BYTES] != check:
            return Page(first, prev, settings, dropped, bodies, head, False)
        bodies.append(body)
        head, at = digest, end
    return Page(first, prev, settings, dropped, bodies, head, True)


def frame(raw: bytes, at: int) -> tuple:
    """What `framed` made, at this offset: (body, check, offset after both); (b"", b"", 0) where it is cut off."""
    end = at + 1 + raw[at] + CHECK_BYTES if at < len(raw) else 0
    if not end or end > len(raw):
        return b"", b"", 0
    return raw[at + 1 : end - CHECK_BYTES], raw[end - CHECK_BYTES : end], end


def statement(ueid: bytes, boot: "Boot", iat: int, first: int, prev: bytes, bodies: list, dropped: list) -> bytes:
    """The payload to sign: the entries from number `first` on, and [first, last] of those that are gone for good."""
    claims = {
        IAT: iat,
        UEID: ueid,
        EAT_PROFILE: PROFILE,
        BOOTCOUNT: boot.count,
        BOOTSEED: boot.seed,
        SEQ: first,
        PREV: prev,
        ENTRIES: bodies,
    }
    if dropped:
        claims[DROPPED] = dropped
    return cbor.encode(claims)
