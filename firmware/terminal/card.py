"""What an identity document says: text block to fields, number check, validity. Pure; reader facts sections 4 to 6.

The marker decides before anything else: a permit read as a resident card shows nonsense, or an English name for an
address. The resident layout is here, the three others are in modules of their own.
"""

from collections import namedtuple

from terminal.errors import CardMalformed, CardUnsupported, NumberInvalid

TEXT_BYTES = 256
LONG_TERM = "长期"
RESIDENT, HMT_PERMIT, FOREIGN_2017, FOREIGN_2023 = 1, 2, 3, 4
NOT_CHECKED, VALID, EXPIRED, NOT_YET_VALID = 0, 1, 2, 3

_MARKER_AT = 248
_MARKERS = {0x20: RESIDENT, 0: RESIDENT, 0x4A: HMT_PERMIT, 0x49: FOREIGN_2017, 0x59: FOREIGN_2023}
_PADDING = (0x20, 0, 0x3000)
_CHECK = "10X98765432"
_DAYS = b"\x1f\x1d\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"  # of each month, of a leap year

FIELDS = ("name", "sex", "ethnic", "birth", "address", "number", "issuer", "valid_from", "valid_to")
FIELDS += ("english_name", "nationality", "travel_permit", "issue_count", "earlier_link")
FIELDS += ("accepting_authority", "card_version")
# A field that the layout does not have is None, one that is blank on the card is empty.
# `damaged`: an unpaired surrogate was replaced by U+FFFD in one of the fields.
Person = namedtuple("Person", FIELDS + ("document", "damaged"))

# First byte and bytes of each field: 4.2
_PLACES = {
    "name": (0, 30),
    "sex": (30, 2),
    "ethnic": (32, 4),
    "birth": (36, 16),
    "address": (52, 70),
    "number": (122, 36),
    "issuer": (158, 30),
    "valid_from": (188, 16),
    "valid_to": (204, 16),
}


def document_type(text: "bytes | bytearray | memoryview") -> int:
    """By the marker; one that nobody knows raises CardUnsupported."""
    if len(text) != TEXT_BYTES:
        raise CardMalformed("text block of %d bytes" % len(text))
    document = _MARKERS.get(text[_MARKER_AT] | text[_MARKER_AT + 1] << 8)
    if document is None:
        raise CardUnsupported("unknown marker")
    return document


def parse(text: "bytes | bytearray | memoryview") -> Person:
    """The card's fields, in the layout that its marker names."""
    document = document_type(text)
    if document != RESIDENT:
        return _layout(document).parse(text)
    person = read_fields(text, document, _PLACES)
    if not person.name:
        raise CardMalformed("name is empty")
    return person


def read_fields(text: "bytes | bytearray | memoryview", document: int, places: dict) -> Person:
    """Every field trimmed at the right only: a name may hold spaces, commas and middle dots."""
    fields = []
    damaged = False
    for field in FIELDS:
        value = None
        if field in places:
            value, is_damaged = decode_text(text, *places[field])
            damaged = damaged or is_damaged
        fields.append(value)
    # GB/T 2261.1; anything but its codes is "unknown", never the other sex
    fields[1] = int(fields[1]) if fields[1] in ("1", "2", "9") else 0
    return Person(*fields, document, damaged)


def check_number(person: Person) -> None:
    """The hard rules of section 5 for this document. Province and the parity of the sequence are warnings at most: not
    looked at."""
    if person.document == RESIDENT:
        check_eighteen(person)
    else:
        _layout(person.document).check_number(person)


def check_eighteen(person: Person) -> None:
    """5.1: the form that three of the four documents have."""
    number = person.number
    if len(number) != 18 or not is_digits(number[:17]):
        raise NumberInvalid("form")
    remainder = 0  # ISO 7064 MOD 11-2
    for digit in number[:17]:
        remainder = (remainder + int(digit)) * 2 % 11
    if number[17] != _CHECK[remainder]:
        raise NumberInvalid("check digit")
    check_birth(person, number[6:14])


def check_birth(person: Person, in_number: str) -> None:
    """The number ends the birth date with these digits: all eight, or six where it has no century."""
    if not is_date(person.birth):
        raise NumberInvalid("birth date")
    if in_number != person.birth[-len(in_number) :]:
        raise NumberInvalid("birth field differs")


def validity(person: Person, today: "str | None") -> int:
    """`today` is YYYYMMDD, or None where the clock cannot be trusted: then "not checked", never "valid"."""
    start, end = person.valid_from, person.valid_to
    if not is_date(start) or not (end == LONG_TERM or is_date(end)):
        raise CardMalformed("validity dates")
    if today is None:
        return NOT_CHECKED
    if today < start:
        return NOT_YET_VALID
    return VALID if end == LONG_TERM or today <= end else EXPIRED


def is_date(text: str) -> bool:
    """YYYYMMDD of the calendar."""
    if len(text) != 8 or not is_digits(text):
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
    end = start + size
    while end > start and (data[end - 2] | data[end - 1] << 8) in _PADDING:
        end -= 2
    utf8 = bytearray((end - start) // 2 * 3)  # all in one piece: a torn heap has room for no list of characters
    used = 0
    damaged = False
    at = start
    while at < end:
        unit = data[at] | data[at + 1] << 8
        at += 2
        if 0xD800 <= unit < 0xE000:
            low = data[at] | data[at + 1] << 8 if at < end else 0
            if unit < 0xDC00 and 0xDC00 <= low < 0xE000:
                unit = 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF)
                at += 2
            else:
                unit = 0xFFFD
                damaged = True
        used = _put_utf8(utf8, used, unit)
    text = str(memoryview(utf8)[:used], "utf-8")
    utf8[:used] = bytes(used)
    return text, damaged


def _put_utf8(utf8: bytearray, at: int, unit: int) -> int:
    """Where the next character goes. Not by chr(): MicroPython keeps every character made so for good."""
    if unit < 0x80:
        utf8[at] = unit
        return at + 1
    size = 2 if unit < 0x800 else 3 if unit < 0x10000 else 4
    for place in range(at + size - 1, at, -1):
        utf8[place] = 0x80 | unit & 0x3F
        unit >>= 6
    utf8[at] = (0xF00 >> size & 0xFF) | unit
    return at + size


def is_digits(text: str) -> bool:
    return all("0" <= char <= "9" for char in text)  # isdigit() takes full-width digits too


def _layout(document: int):  # noqa: ANN202 - a module, and each is another type
    # Imported when the first such card comes: most terminals never see one, and each layout takes 1.5 KB of a heap that
    # is nearly full.
    if document == HMT_PERMIT:
        from terminal import card_hmt as layout
    elif document == FOREIGN_2017:
        from terminal import card_foreign_2017 as layout
    else:
        from terminal import card_foreign_2023 as layout
    return layout
