"""Foreign permanent resident's card of 2023, marker Y: reader facts 4.5 and 5.3. Pure.

The English name lies in two places, joined before trimming: a space at the end of the first is part of the name.
"""

from terminal import card
from terminal.errors import CardMalformed, NumberInvalid

_PLACES = {
    "name": (0, 30),  # may be blank
    "sex": (30, 2),
    "issue_count": (32, 4),
    "birth": (36, 16),
    "number": (122, 36),
    "valid_from": (188, 16),
    "valid_to": (204, 16),
    "nationality": (242, 6),
    "earlier_link": (250, 6),
    "english_name": (256, 92),  # where parse() has put its two parts, characters 1 to 35 and 36 to 46
}


def parse(text: "bytes | bytearray | memoryview") -> card.Person:
    joined = bytes(text) + bytes(text[52:122]) + bytes(text[220:242])
    person = card.read_fields(joined, card.FOREIGN_2023, _PLACES)
    if not person.english_name:
        raise CardMalformed("name is empty")
    return person


def check_number(person: card.Person) -> None:
    card.check_eighteen(person)
    if person.number[0] != "9":
        raise NumberInvalid("address code")
