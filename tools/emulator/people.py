"""Synthetic people and their cards, made by code from a seed. No real person: names say "test" or "specimen", and
county code 110199 is unassigned.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum

COUNTY = "110199"
LONG_TERM = "长期"
ISSUER = "北京市公安局样本分局"
ADDRESS_BYTES = 70
HMT_SPECIMEN = "810000199408230021"  # published; a code of its own for nobody is not possible here
NATIONALITY, NATIONALITY_NUMERIC = "XXS", "999"  # ISO 3166 leaves both to users: no country has them

_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_WLT_HEADER = bytes.fromhex("574C66007E00320000FF")
_PHOTO_BYTES = 1024


class Document(StrEnum):
    """The value is the marker on the card."""

    RESIDENT = " "
    HMT_PERMIT = "J"
    FOREIGN_2017 = "I"
    FOREIGN_2023 = "Y"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    sex: int
    ethnic: str
    birth: str
    address: str
    number: str
    issuer: str
    valid_from: str
    valid_to: str
    # What other documents have; they leave fields above blank
    document: Document = Document.RESIDENT
    english_name: str = ""
    nationality: str = ""
    travel_permit: str = ""
    issue_count: str = ""
    earlier_link: str = ""
    accepting_authority: str = ""
    card_version: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What the chip holds; `addresses` are the additional ones. `picture` is what a module with a decoder makes of the
    photo: a BMP."""

    text: bytes
    photo: bytes
    addresses: tuple[str, ...] = ()
    picture: bytes = b""


def deck(seed: int, count: int) -> tuple[Person, ...]:
    """Adults with cards valid from 2021 or later for 20 years; the first 499 have numbers of their own."""
    rng = random.Random(seed)
    return tuple(_person(rng, index) for index in range(count))


def expired(person: Person) -> Person:
    return replace(person, valid_from="20040601", valid_to="20140601")


def longterm(person: Person) -> Person:
    """46 or older at issue: valid without end."""
    birth = "1948" + person.birth[4:6] + "01"
    return replace(person, birth=birth, number=_number(birth, person.number[14:17]), valid_to=LONG_TERM)


# The dates of the three stay as they are: longer than such cards are valid, so that no test runs out.


def hmt_permit(person: Person) -> Person:
    """This name and address on the published specimen's number, a woman's from Hong Kong."""
    return replace(
        person, document=Document.HMT_PERMIT, sex=2, ethnic="", birth="19940823", number=HMT_SPECIMEN,
        travel_permit="H00000000", issue_count="01",
    )  # fmt: skip


def foreign_2017(person: Person) -> Person:
    return _foreigner(
        person, Document.FOREIGN_2017, number=number_2017(NATIONALITY, "1101", person.birth, person.number[16]),
        accepting_authority="1101", card_version="01",
    )  # fmt: skip


def foreign_2023(person: Person, english_name: str = "") -> Person:
    return _foreigner(
        person, Document.FOREIGN_2023, number=number_2023("11", person.birth, person.number[14:17]),
        issue_count="00", earlier_link="011", english_name=english_name,
    )  # fmt: skip


def with_wrong_check_digit(person: Person) -> Person:
    last = "1" if person.number[-1] != "1" else "2"
    return replace(person, number=person.number[:-1] + last)


def card(person: Person, addresses: tuple[str, ...] = (), head: int | None = None) -> Card:
    """The photo depends on the number only: the same person has the same one on every card.

    `head` is that of the emulated camera's cast whose portrait is on the card.
    """
    picture = b""
    if head is not None:
        from tools.emulator.camera.camera import card_bmp  # numpy and Pillow: only where there are faces

        picture = card_bmp(head)
    return Card(text_block(person), photo_block(int(person.number[6:17])), addresses, picture)


def text_block(person: Person) -> bytes:
    """The 256 bytes, in the layout of the document."""
    sex, marker = str(person.sex), person.document.value
    match person.document:
        case Document.RESIDENT | Document.HMT_PERMIT:
            fields = (
                (person.name, 30), (sex, 2), (person.ethnic, 4), (person.birth, 16), (person.address, ADDRESS_BYTES),
                (person.number, 36), (person.issuer, 30), (person.valid_from, 16), (person.valid_to, 16),
                (person.travel_permit, 18), (person.issue_count, 4), ("", 6), (marker, 2), ("", 6),
            )  # fmt: skip
        case Document.FOREIGN_2017:
            fields = (
                (person.english_name, 120), (sex, 2), (person.number, 30), (person.nationality, 6), (person.name, 30),
                (person.valid_from, 16), (person.valid_to, 16), (person.birth, 16), (person.card_version, 4),
                (person.accepting_authority, 8), (marker, 2), ("", 6),
            )  # fmt: skip
        case Document.FOREIGN_2023:
            fields = (
                (person.name, 30), (sex, 2), (person.issue_count, 4), (person.birth, 16),
                (person.english_name[:35], 70), (person.number, 36), ("", 30), (person.valid_from, 16),
                (person.valid_to, 16), (person.english_name[35:], 22), (person.nationality, 6), (marker, 2),
                (person.earlier_link, 6),
            )  # fmt: skip
    return b"".join(_field(text, size_bytes) for text, size_bytes in fields)


def address_block(addresses: tuple[str, ...]) -> bytes:
    return b"".join(_field(address, ADDRESS_BYTES) for address in addresses)


def photo_block(seed: int) -> bytes:
    """A WLT header and a body that is noise: there is nothing to decode, and nobody on it."""
    return _WLT_HEADER + random.Random(seed).randbytes(_PHOTO_BYTES - len(_WLT_HEADER))


def check_digit(first17: str) -> str:
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first17, strict=True))
    return "10X98765432"[total % 11]


def number_2017(nationality: str, place: str, birth: str, sequence: str) -> str:
    """Weights 7, 3, 1 and base 36 digits: A is 10."""
    first14 = nationality + place + birth[2:] + sequence
    return first14 + str(sum((7, 3, 1)[i % 3] * int(char, 36) for i, char in enumerate(first14)) % 10)


def number_2023(province: str, birth: str, sequence: str) -> str:
    first17 = "9" + province + NATIONALITY_NUMERIC + birth + sequence
    return first17 + check_digit(first17)


def _foreigner(person: Person, document: Document, *, number: str, english_name: str = "", **fields: str) -> Person:
    """Of no country. The first 35 characters of the name end in a space: a parser that trims too early shows."""
    return replace(
        person, document=document, ethnic="", address="", issuer="", nationality=NATIONALITY, number=number,
        english_name=english_name or "SPECIMEN, TEST NAME OF THE FOREIGN HOLDER", **fields,
    )  # fmt: skip


def _person(rng: random.Random, index: int) -> Person:
    sex = rng.choice((1, 2))
    birth = f"{rng.randint(1980, 1995)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    issued = f"{rng.randint(2021, 2024)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    sequence = 2 * (index % 499) + sex  # odd for men, even for women
    return Person(
        name=_name(rng, index),
        sex=sex,
        ethnic=rng.choice(("01", "01", "01", "05", "11", "15")),
        birth=birth,
        address=f"北京市样本区虚构路{rng.randint(1, 99)}号院{rng.randint(1, 9)}号楼{rng.randint(101, 699)}室",
        number=_number(birth, f"{sequence:03d}"),
        issuer=ISSUER,
        valid_from=issued,
        valid_to=f"{int(issued[:4]) + 20}{issued[4:]}",
    )


def _name(rng: random.Random, index: int) -> str:
    """Two to eleven characters; every fifth has a middle dot in it."""
    stem, branch = rng.choice(_STEMS), rng.choice(_BRANCHES)
    return ("测" + stem, "测试" + stem, "样本" + stem + branch, "测试样本" + stem, f"测试阿不都·样本{stem}{branch}")[
        index % 5
    ]


def _number(birth: str, sequence: str) -> str:
    first17 = COUNTY + birth + sequence
    return first17 + check_digit(first17)


def _field(text: str, size_bytes: int) -> bytes:
    data = text.encode("utf-16-le")
    if len(data) > size_bytes:
        raise ValueError(f"field of {len(data)} bytes, {size_bytes} at most")
    return data + b"\x20\x00" * ((size_bytes - len(data)) // 2)
