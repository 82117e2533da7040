"""Foreign permanent resident's card of 2017, marker I: reader facts 4.4 and 5.3. Pure.

Its number has six digits of the birth date and no sex: the published specimen is a woman with an odd sequence digit.
"""

from terminal import card
from terminal.errors import CardMalformed, NumberInvalid

_PLACES = {
    "english_name": (0, 120),
    "sex": (120, 2),
    "number": (122, 30),
    "nationality": (152, 6),
    "name": (158, 30),  # may be blank
    "valid_from": (188, 16),
    "valid_to": (204, 16),
    "birth": (220, 16),
    "card_version": (236, 4),
    "accepting_authority": (240, 8),
}


def parse(text: "bytes | bytearray | memoryview") -> card.Person:
    person = card.read_fields(text, card.FOREIGN_2017, _PLACES)
    if not person.english_name:
        raise CardMalformed("name is empty")
    return person


def check_number(person: card.Person) -> None:
    """Nationality 3 letters, place 4, birth YYMMDD, sequence 1, check 1."""
    number = person.number
    is_capital = all("A" <= char <= "Z" for char in number[:3])
    if len(number) != 15 or not is_capital or not card.is_digits(number[3:]):
        raise NumberInvalid("form")
    total = 0
    for at in range(14):
        value = ord(number[at]) - (55 if at < 3 else 48)  # A = 10, 0 = 0
        total += value * (7, 3, 1)[at % 3]
    if total % 10 != int(number[14]):
        raise NumberInvalid("check digit")
    card.check_birth(person, number[7:13])
