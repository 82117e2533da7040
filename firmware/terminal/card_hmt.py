"""Residence permit for residents of Hong Kong, Macao and Taiwan, marker J: reader facts 4.3 and 5.2. Pure.

As the resident layout, without the ethnic group. The form of the travel permit number (5.4) is a warning at most.
"""

from terminal import card
from terminal.errors import CardMalformed, NumberInvalid

_PLACES = {
    "name": (0, 30),
    "sex": (30, 2),
    "birth": (36, 16),
    "address": (52, 70),
    "number": (122, 36),
    "issuer": (158, 30),
    "valid_from": (188, 16),
    "valid_to": (204, 16),
    "travel_permit": (220, 18),
    "issue_count": (238, 4),
}


def parse(text: "bytes | bytearray | memoryview") -> card.Person:
    person = card.read_fields(text, card.HMT_PERMIT, _PLACES)
    if not person.name:
        raise CardMalformed("name is empty")
    return person


def check_number(person: card.Person) -> None:
    card.check_eighteen(person)
    if person.number[:6] not in ("810000", "820000", "830000"):
        raise NumberInvalid("address code")
