"""The permit and both foreign residents' cards: fields, number rules; no block of bytes is too odd for the parser."""

import specimen
from harness import raises
from specimen import foreign_2017_block, foreign_2023_block, hmt_block, text_block, utf16
from terminal import card
from terminal.errors import CardError, CardMalformed, NumberInvalid

BLOCKS = (text_block, hmt_block, foreign_2017_block, foreign_2023_block)
FOREIGN = (foreign_2017_block, foreign_2023_block)
SEED = 20231201
MARKERS = b"JIY \0"


def fields_of(block: bytes) -> dict:
    """Without those that the layout does not have."""
    person = card.parse(block)
    return {field: getattr(person, field) for field in card.FIELDS if getattr(person, field) is not None}


def person_with(block: bytes, **changes) -> card.Person:
    person = card.parse(block)
    return card.Person(*[changes.get(field, getattr(person, field)) for field in card.FIELDS], person.document, False)


# --- fields


def test_fields_of_a_permit() -> None:
    assert fields_of(hmt_block()) == {
        "name": specimen.NAME,
        "sex": 2,
        "birth": "19940823",
        "address": specimen.ADDRESS,
        "number": "810000199408230021",
        "issuer": "样本分局",
        "valid_from": "20200101",
        "valid_to": "20250101",
        "travel_permit": "H00000000",
        "issue_count": "01",
    }


def test_fields_of_a_foreign_card_of_2017() -> None:
    assert fields_of(foreign_2017_block()) == {
        "english_name": "SPECIMEN, TEST",
        "sex": 2,
        "number": "XXS110190030713",
        "nationality": "XXS",
        "name": specimen.NAME,
        "valid_from": "20200101",
        "valid_to": "20291231",
        "birth": "19900307",
        "card_version": "01",
        "accepting_authority": "1101",
    }


def test_fields_of_a_foreign_card_of_2023() -> None:
    assert fields_of(foreign_2023_block()) == {
        "name": specimen.NAME,
        "sex": 2,
        "issue_count": "00",
        "birth": "19900307",
        "english_name": "SPECIMEN, TEST",
        "number": "911999199003070029",
        "valid_from": "20240101",
        "valid_to": "20331231",
        "nationality": "XXS",
        "earlier_link": "011",
    }


def test_document_is_the_markers() -> None:
    for document, block in enumerate(BLOCKS, 1):
        assert card.parse(block()).document == card.document_type(block()) == document
        assert card.parse(bytearray(block())) == card.parse(memoryview(block())) == card.parse(block())


def test_name_of_two_parts_is_joined_before_it_is_trimmed() -> None:
    for first, second, joined in (
        ("A" * 35, "B" * 11, "A" * 35 + "B" * 11),
        ("A" * 34 + " ", "B", "A" * 34 + " B"),
        ("A" * 34, "B", "A" * 34 + " B"),  # on the card the same as the one before
        ("A" * 35, " B", "A" * 35 + " B"),
        ("A" * 35, "", "A" * 35),
        ("A, B", "", "A, B"),
        ("A" * 34 + "\0", "", "A" * 34),
    ):
        assert card.parse(foreign_2023_block(first, second)).english_name == joined


def test_surrogate_pair_across_the_two_parts_is_one_character() -> None:
    pair = utf16("\U00020bb7", 2)
    block = bytearray(foreign_2023_block("A" * 35))
    block[120:122], block[220:222] = pair[:2], pair[2:]
    person = card.parse(block)
    assert (person.english_name, person.damaged) == ("A" * 34 + "\U00020bb7", False)


def test_names_keep_inner_spaces_and_rare_characters() -> None:
    name = "测 \U00020bb7\ue000·甲"
    for block in BLOCKS:
        person = card.parse(block(name=name + " \u3000"))
        assert (person.name, person.damaged) == (name, False)
    for block in FOREIGN:
        assert card.parse(block(" O'SPECIMEN-X,  TEST ")).english_name == " O'SPECIMEN-X,  TEST"


def test_damage_in_a_foreign_or_permit_field_is_flagged() -> None:
    for block, places in (
        (hmt_block, (0, 52, 122, 220, 238)),
        (foreign_2017_block, (0, 122, 152, 158, 236, 240)),
        (foreign_2023_block, (0, 52, 122, 220, 242, 250)),
    ):
        for at in places:
            damaged = bytearray(block())
            damaged[at : at + 2] = b"\x00\xdc"
            assert card.parse(damaged).damaged, at


def test_a_foreigner_may_have_no_chinese_name_but_has_an_english_one() -> None:
    for block in FOREIGN:
        assert card.parse(block(name="")).name == ""
        raises(CardMalformed, card.parse, block(""))
    raises(CardMalformed, card.parse, hmt_block(name=""))


# --- numbers


def test_valid_numbers_of_each_document_pass() -> None:
    for block in BLOCKS:
        card.check_number(card.parse(block()))
    card.check_number(card.parse(hmt_block(number="830000199201300022", birth="19920130")))
    card.check_number(card.parse(foreign_2017_block(number="CAN110081080310", birth="19810803")))
    card.check_number(card.parse(foreign_2023_block(number="931586198001010028", birth="19800101")))


def test_every_wrong_last_character_of_each_document_is_refused() -> None:
    for block in BLOCKS:
        number = card.parse(block()).number
        for last in "0123456789X":
            if last != number[-1]:
                raises(NumberInvalid, card.check_number, person_with(block(), number=number[:-1] + last))


def test_every_changed_digit_of_a_foreign_number_is_refused() -> None:
    for block in FOREIGN:
        person = card.parse(block())
        for at in range(3, len(person.number) - 1):
            changed = person.number[:at] + str((int(person.number[at]) + 1) % 10) + person.number[at + 1 :]
            raises(NumberInvalid, card.check_number, person_with(block(), number=changed))


def test_number_of_wrong_form_is_refused_for_each_document() -> None:
    for block in BLOCKS:
        number = card.parse(block()).number
        for wrong in ("", number[:-1], number + "0", number.lower() + "x", " " + number[1:], number[:-2] + "７1"):
            raises(NumberInvalid, card.check_number, person_with(block(), number=wrong))
    for wrong in ("xxs110190030713", "XX5110190030713", "ＸXS110190030713", "XXS11O190030713", "X[S110190030713"):
        raises(NumberInvalid, card.check_number, person_with(foreign_2017_block(), number=wrong))


def test_each_document_has_its_own_address_codes() -> None:
    citizen = text_block()
    number = card.parse(citizen).number
    for block in (hmt_block, foreign_2023_block):
        error = raises(NumberInvalid, card.check_number, person_with(block(), number=number, birth="19900307"))
        assert str(error) == "address code"
    # right check digit, but no code of a permit: 81 of a county, and 71
    for number in ("810100199408230027", "710000199408230028"):
        person = person_with(citizen, number=number, birth="19940823")
        card.check_number(person)
        raises(NumberInvalid, card.check_number, person_with(hmt_block(), number=number))


def test_birth_field_must_equal_the_number_of_each_document() -> None:
    for block in BLOCKS:
        for birth in ("19900308", "19940824", "", "1990 307", "90030", "19900230"):
            raises(NumberInvalid, card.check_number, person_with(block(), birth=birth))


def test_number_of_2017_has_no_century_of_its_own() -> None:
    for birth in ("19900307", "18900307", "20900307"):
        card.check_number(person_with(foreign_2017_block(), birth=birth))


def test_validity_of_each_document() -> None:
    for block in BLOCKS:
        person = card.parse(block())
        for today, expected in (
            (None, card.NOT_CHECKED),
            ("20191231", card.NOT_YET_VALID),
            (person.valid_from, card.VALID),
            (person.valid_to, card.VALID),
            ("20991231", card.EXPIRED),
        ):
            assert card.validity(person, today) == expected
        assert card.validity(person_with(block(), valid_to=card.LONG_TERM), "20991231") == card.VALID
        raises(CardMalformed, card.validity, person_with(block(), valid_from=card.LONG_TERM), None)


# --- any bytes


class Dice:
    """xorshift: the same throws under both interpreters, in numbers that are small on both."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def byte(self) -> int:
        state = self._state
        state ^= state << 7 & 0xFFFFFFFF
        state ^= state >> 9
        state ^= state << 13 & 0xFFFFFFFF
        self._state = state
        return state >> 11 & 0xFF


def survives(block: "bytes | bytearray") -> bool:
    """Whether it was read; any error but CardError goes through."""
    try:
        person = card.parse(block)
        card.validity(person, "20250101")
        card.check_number(person)
    except CardError:
        return False
    return True


def test_random_blocks_raise_nothing_but_card_errors() -> None:
    print("seed", SEED)
    dice = Dice(SEED)
    for turn in range(400):
        block = bytearray(dice.byte() for _ in range(card.TEXT_BYTES))
        if turn % 8:  # mostly with a marker that leads into a layout
            block[248:250] = bytes((MARKERS[turn % 5], 0))
        survives(block)
        survives(block[: dice.byte()])


def test_changed_cards_raise_nothing_but_card_errors() -> None:
    print("seed", SEED)
    dice = Dice(SEED)
    read = 0
    for turn in range(1500):
        block = bytearray(BLOCKS[turn % 4]())
        for _ in range(dice.byte() % 3 + 1):
            block[dice.byte()] = dice.byte()
        read += survives(block)
    assert 0 < read < 1500, "changes of both kinds: those that matter, and those that do not"
