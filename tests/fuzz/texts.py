"""Targets: the text parser over any block and over well-formed ones, and the rules for validity. Portable."""

import sys

from terminal import card
from terminal.errors import CardMalformed, CardUnsupported, NumberInvalid

from tests.fuzz import layouts
from tests.fuzz.source import Source
from tests.portable import specimen

_PADDING = (0x20, 0, 0x3000)
_PADDING_CHARS = " \0\u3000"
_HAS_CODEC = sys.implementation.name == "cpython"
_PLANES = (0x10000, 0x20000, 0x30000, 0x100000)
_DAYS = (20200101, 20240229, 29991231)
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def check_block(data: bytes) -> None:
    """Any bytes: a Person within its layout that encodes to the same block again, or a named error."""
    if len(data) != 256:
        try:
            card.parse(data)
        except CardMalformed:
            pass  # the named error
        else:
            raise AssertionError("a block of another size")
    block = (data + b"\x20\0" * 128)[:256]
    try:
        person = card.parse(memoryview(bytearray(block)))
    except (CardMalformed, CardUnsupported):
        return
    assert card.document_type(block) == person.document, "document"
    texts = _check_fields(person)
    _check_codec(block, person)
    again = card.parse(layouts.encode(person.document, texts))
    assert [getattr(again, field) for field in card.FIELDS] == [getattr(person, field) for field in card.FIELDS]
    assert again.document == person.document and not again.damaged, "round trip"
    try:
        card.check_number(person)
    except NumberInvalid as error:
        _check_words(error)
    for today in (None, "00010101", "20250607", "99991231"):
        try:
            assert card.validity(person, today) in (0, 1, 2, 3), "validity"
        except CardMalformed as error:
            _check_words(error)


def check_document(data: bytes) -> None:
    """A well-formed document of any layout, any padding: what was written is what is read."""
    source = Source(data)
    document = 1 + source.below(4)
    padding = source.choice(_PADDING)
    fields = {}
    for field, size in sorted(layouts.limits(document).items()):
        if field == "sex":
            fields[field] = source.choice("0129")
        else:
            fields[field] = _text(source, size)
    required = layouts.REQUIRED[document]
    fields[required] = fields[required] or "样"
    person = card.parse(layouts.encode(document, fields, padding))
    for field in card.FIELDS:
        expected = fields.get(field)
        if field == "sex":
            expected = int(expected)
        assert getattr(person, field) == expected, field
    assert (person.document, person.damaged) == (document, False), "document"


def check_validity(data: bytes) -> None:
    """By comparing the numbers that dates are; without a clock nothing is said."""
    source = Source(data)
    document = 1 + source.below(4)
    start, end, today = _date(source), _date(source), _date(source)
    if source.below(4) == 0:
        end = card.LONG_TERM
    person = blank_person(document, {"valid_from": start, "valid_to": end})
    is_right = is_date(start) and (end == card.LONG_TERM or is_date(end))
    try:
        found = card.validity(person, None)
        assert is_right and found == card.NOT_CHECKED, "not checked"
        if not is_date(today):
            return
        if int(today) < int(start):
            expected = card.NOT_YET_VALID
        elif end == card.LONG_TERM or int(today) <= int(end):
            expected = card.VALID
        else:
            expected = card.EXPIRED
        assert card.validity(person, today) == expected, "validity"
    except CardMalformed:
        assert not is_right, "refused right dates"


def block_seeds() -> list:
    return [
        specimen.text_block(),
        specimen.text_block(name="测\U00020bb7 ·\ue000甲", valid_to="长期"),
        specimen.hmt_block(),
        specimen.foreign_2017_block(),
        specimen.foreign_2023_block("A" * 35, "B" * 11),
        b"\x42\xd8\x32\x75" + specimen.text_block()[4:],
        specimen.text_block(name=""),
        specimen.hmt_block(name=""),
        specimen.foreign_2017_block(english=""),
        specimen.foreign_2023_block(english=""),
        specimen.text_block(marker="Q"),
        specimen.text_block()[:-1],
    ]


def document_seeds() -> list:
    return [bytes((document, document % 3)) + bytes(range(7 * document, 7 * document + 120)) for document in range(4)]


def validity_seeds() -> list:
    return [b"\0" + bytes(range(at, at + 20)) for at in (0, 40, 128, 200)]


def blank_person(document: int, fields: dict) -> card.Person:
    return card.Person(*[fields.get(field, "") for field in card.FIELDS], document, False)


def is_date(text: str) -> bool:
    if len(text) != 8 or any([char not in "0123456789" for char in text]):
        return False
    year, month, day = int(text) // 10000, int(text) // 100 % 100, int(text) % 100
    if year < 1 or not 1 <= month <= 12:
        return False
    is_leap = year % 400 == 0 or (year % 4 == 0 and year % 100 != 0)
    return 1 <= day <= _MONTHS[month - 1] + (1 if month == 2 and is_leap else 0)


def _check_fields(person: card.Person) -> dict:
    """The texts to encode again. No field is longer than its place, or has padding at its end."""
    limits = layouts.limits(person.document)
    texts = {}
    for field in card.FIELDS:
        value = getattr(person, field)
        if field not in limits:
            assert value is None, field + " in a layout without it"
        elif field == "sex":
            assert value in (0, 1, 2, 9), field
            texts[field] = "%d" % value
        else:
            assert len(layouts.to_units(value)) <= limits[field], field + " too long"
            assert not value or value[-1] not in _PADDING_CHARS, field + " with padding"
            assert not any([0xD800 <= ord(char) < 0xE000 for char in value]), field + " with a surrogate"
            texts[field] = value
    assert texts[layouts.REQUIRED[person.document]], "no name"
    return texts


def _check_codec(block: bytes, person: card.Person) -> None:
    """The same as CPython's own UTF-16 says."""
    if not _HAS_CODEC:
        return
    raw = {}
    at = 0
    for field, size in layouts.LAYOUTS[person.document]:
        raw[field] = block[at : at + 2 * size]
        at += 2 * size
    if person.document == layouts.FOREIGN_2023:
        raw["english_name"] = raw.pop("english_1") + raw.pop("english_2")
    damaged = False
    for field in layouts.limits(person.document):
        try:
            text = raw[field].decode("utf-16-le").rstrip(_PADDING_CHARS)
        except UnicodeDecodeError:
            damaged = True
        else:
            assert field == "sex" or getattr(person, field) == text, field + " by the codec"
    assert person.damaged == damaged, "damaged"


def _check_words(error: Exception) -> None:
    """Nothing of the card in the words of an error."""
    assert not any([char in "0123456789" or char > "~" for char in str(error)]), "words"


def _text(source: Source, size: int) -> str:
    chars = []
    room = source.below(size + 1)
    while room > 0:
        kind = source.below(8)
        if kind < 3:
            code = 0x21 + source.below(0x5E)
        elif kind < 5:
            code = 0x4E00 + source.below(0x5200)
        elif kind == 5:
            code = source.choice((0x20, 0x3000, 0xB7, 0x2022, 0xFF10, 0xFFFD, 0xD7FF, 0xE000, 0xFFFF))
        elif kind == 6:
            code = 0xE000 + source.below(0x1900)
        else:
            code = 0x100 + source.below(0xFF00)
            if room > 1:
                code = source.choice(_PLANES) + source.below(0x10000)
            if 0xD800 <= code < 0xE000:
                code = 0xFFFD
        chars.append(chr(code))
        room -= 2 if code > 0xFFFF else 1
    while chars and chars[-1] in _PADDING_CHARS:
        chars.pop()
    return "".join(chars)


def _date(source: Source) -> str:
    """Mostly one of the calendar or close to it."""
    kind = source.below(8)
    if kind < 5:
        return "%04d%02d%02d" % (1900 + source.below(300), 1 + source.below(12), 1 + source.below(31))
    if kind == 5:
        return source.digits(8)
    if kind == 6:
        return "%08d" % source.choice(_DAYS)
    return "".join([source.choice("019 ２长期\0-") for _ in range(source.below(10))])
