"""Synthetic people and their cards, made by code from a seed. No real person: names say "test" or "specimen", and
county code 110199 is unassigned.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

COUNTY = "110199"
LONG_TERM = "长期"
ISSUER = "北京市公安局样本分局"
ADDRESS_BYTES = 70

_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_WLT_HEADER = bytes.fromhex("574C66007E00320000FF")
_PHOTO_BYTES = 1024


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


@dataclass(frozen=True, slots=True)
class Card:
    """What the chip holds; `addresses` are the additional ones."""

    text: bytes
    photo: bytes
    addresses: tuple[str, ...] = ()


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


def with_wrong_check_digit(person: Person) -> Person:
    last = "1" if person.number[17] != "1" else "2"
    return replace(person, number=person.number[:17] + last)


def masked(person: Person) -> tuple[str, str]:
    """Name and number as the demo may show them: one character, and neither birth date nor county."""
    return person.name[0] + "＊＊", person.number[:4] + "*" * 10 + person.number[14:]


def card(person: Person, addresses: tuple[str, ...] = ()) -> Card:
    """The photo depends on the number only: the same person has the same one on every card."""
    return Card(text_block(person), photo_block(int(person.number[6:17])), addresses)


def text_block(person: Person) -> bytes:
    """The 256 bytes of the resident layout."""
    fields = (
        _field(person.name, 30),
        _field(str(person.sex), 2),
        _field(person.ethnic, 4),
        _field(person.birth, 16),
        _field(person.address, ADDRESS_BYTES),
        _field(person.number, 36),
        _field(person.issuer, 30),
        _field(person.valid_from, 16),
        _field(person.valid_to, 16),
        _field("", 36),
    )
    return b"".join(fields)


def address_block(addresses: tuple[str, ...]) -> bytes:
    return b"".join(_field(address, ADDRESS_BYTES) for address in addresses)


def photo_block(seed: int) -> bytes:
    """A WLT header and a body that is noise: there is nothing to decode, and nobody on it."""
    return _WLT_HEADER + random.Random(seed).randbytes(_PHOTO_BYTES - len(_WLT_HEADER))


def check_digit(first17: str) -> str:
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first17, strict=True))
    return "10X98765432"[total % 11]


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
