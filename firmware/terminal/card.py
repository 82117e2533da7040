"""What a resident ID card says: text block to fields, number check, validity. Pure; reader facts sections 4 to 6.

Only the resident layout is parsed. The marker decides before anything else: a permit read as a resident card shows
nonsense, or an English name for an address.
"""

from collections import namedtuple

from terminal.errors import CardMalformed, CardUnsupported, NumberInvalid

TEXT_BYTES = 256
LONG_TERM = "长期"
RESIDENT = "resident"
NOT_CHECKED, VALID, EXPIRED, NOT_YET_VALID = 0, 1, 2, 3

_MARKER_AT = 248
_MARKERS = {0x20: RESIDENT, 0: RESIDENT, 0x4A: "hmt-permit-J", 0x49: "foreign-2017-I", 0x59: "foreign-2023-Y"}
_PADDING = (0x20, 0, 0x3000)
_CHECK = "10X98765432"
_DAYS = b"\x1f\x1d\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"  # of each month, of a leap year

# `damaged`: an unpaired surrogate was replaced by U+FFFD in one of the fields
Resident = namedtuple(
    "Resident",
    ("name", "sex", "ethnic", "birth", "address", "number", "issuer", "valid_from", "valid_to", "damaged"),
)


def document_type(text: "bytes | bytearray") -> str:
    """Of a resident card. Every other document raises CardUnsupported with its name."""
    _require_block(text)
    name = _MARKERS.get(text[_MARKER_AT] | text[_MARKER_AT + 1] << 8, "unknown-marker")
    if name != RESIDENT:
        raise CardUnsupported(name)
    return name


def parse_resident(text: "bytes | bytearray") -> Resident:
    """Fields of 4.2, trimmed at the right only: a name may hold spaces, commas and middle dots."""
    document_type(text)
    damaged = False
    fields = []
    start = 0
    for size in (30, 2, 4, 16, 70, 36, 30, 16, 16):
        field, is_damaged = decode_text(text, start, size)
        fields.append(field)
        damaged = damaged or is_damaged
        start += size
    if not fields[0]:
        raise CardMalformed("name is empty")
    # GB/T 2261.1; anything but its codes is "unknown", never the other sex
    fields[1] = int(fields[1]) if fields[1] in ("1", "2", "9") else 0
    fields.append(damaged)
    return Resident(*fields)


def check_number(resident: Resident) -> None:
    """The hard rules of 5.1. Province and the parity of the sequence are warnings at most: not looked at."""
    number = resident.number
    if len(number) != 18 or not _is_digits(number[:17]):
        raise NumberInvalid("form")
    remainder = 0  # ISO 7064 MOD 11-2
    for digit in number[:17]:
        remainder = (remainder + int(digit)) * 2 % 11
    if number[17] != _CHECK[remainder]:
        raise NumberInvalid("check digit")
    if not is_date(number[6:14]):
        raise NumberInvalid("birth date")
    if number[6:14] != resident.birth:
        raise NumberInvalid("birth field differs")


def validity(resident: Resident, today: "str | None") -> int:
    """`today` is YYYYMMDD, or None where the clock cannot be trusted: then "not checked", never "valid"."""
    start, end = resident.valid_from, resident.valid_to
    if not is_date(start) or not (end == LONG_TERM or is_date(end)):
        raise CardMalformed("validity dates")
    if today is None:
        return NOT_CHECKED
    if today < start:
        return NOT_YET_VALID
    return VALID if end == LONG_TERM or today <= end else EXPIRED


def is_date(text: str) -> bool:
    """YYYYMMDD of the calendar."""
    if len(text) != 8 or not _is_digits(text):
        return False
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if not (year and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return False
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return is_leap or (month, day) != (2, 29)


def decode_text(data: "bytes | bytearray | memoryview", start: int, size: int) -> "tuple[str, bool]":
    """UTF-16LE with the padding cut off, and whether an unpaired surrogate had to be replaced.

    By hand: MicroPython has no utf-16 codec, and its rstrip() takes padding byte by byte, which tears Chinese apart.
    """
    units = [data[at] | data[at + 1] << 8 for at in range(start, start + size, 2)]
    while units and units[-1] in _PADDING:
        units.pop()
    chars = []
    damaged = False
    at = 0
    while at < len(units):
        unit = units[at]
        at += 1
        if 0xD800 <= unit < 0xDC00 and at < len(units) and 0xDC00 <= units[at] < 0xE000:
            unit = 0x10000 + ((unit & 0x3FF) << 10) + (units[at] & 0x3FF)
            at += 1
        elif 0xD800 <= unit < 0xE000:
            unit = 0xFFFD
            damaged = True
        chars.append(chr(unit))
    return "".join(chars), damaged


def _is_digits(text: str) -> bool:
    return all("0" <= char <= "9" for char in text)  # isdigit() takes full-width digits too


def _require_block(text: "bytes | bytearray") -> None:
    if len(text) != TEXT_BYTES:
        raise CardMalformed("text block of %d bytes" % len(text))
