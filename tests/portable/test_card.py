"""What a resident card says: fields, marker, number rules, validity. The other documents: test_card_layouts."""

import gc

import specimen
from harness import raises, skip
from specimen import text_block
from terminal import card
from terminal.errors import CardMalformed, CardUnsupported, NumberInvalid


def resident(**fields) -> card.Person:
    return card.parse(text_block(**fields))


def test_fields_of_a_resident_card() -> None:
    fields = (
        specimen.NAME,
        1,
        "01",
        "19900307",
        specimen.ADDRESS,
        specimen.NUMBER,
        "样本分局",
        "20200101",
        "20400101",
    )
    assert resident() == fields + (None,) * 7 + (card.RESIDENT, False)


def test_text_may_be_any_kind_of_buffer() -> None:
    block = text_block()
    assert card.parse(bytearray(block)) == card.parse(memoryview(block)) == resident()


def test_fields_may_be_full() -> None:
    full = resident(name="测" * 15, address="虚" * 35, issuer="局" * 15)
    assert (len(full.name), len(full.address), len(full.issuer)) == (15, 35, 15)


def test_name_is_trimmed_at_the_right_only() -> None:
    for padding in ("", " ", "\0", "\u3000", "\0 \u3000\0"):
        assert resident(name=" 测试 A·\u3000甲-B" + padding).name == " 测试 A·\u3000甲-B"


def test_surrogate_pair_is_one_character() -> None:
    person = resident(name="测\U00020bb7甲")
    assert (person.name, person.damaged) == ("测\U00020bb7甲", False)


def test_unpaired_surrogate_is_replaced_and_flagged() -> None:
    high, low, plain = b"\x42\xd8", b"\xb7\xdf", b"\x32\x75"
    for units, name in (
        (high + plain, "\ufffd甲"),
        (low + plain, "\ufffd甲"),
        (plain + high, "甲\ufffd"),
        (high + high + low, "\ufffd\U00020bb7"),
        (low + high, "\ufffd\ufffd"),
        (high + low + low, "\U00020bb7\ufffd"),
    ):
        person = card.parse(units + b"\x20\0" * (15 - len(units) // 2) + text_block()[30:])
        assert (person.name, person.damaged) == (name, True)


def test_damage_in_any_field_is_flagged() -> None:
    for at in (0, 32, 52, 122, 158):
        block = bytearray(text_block())
        block[at : at + 2] = b"\x00\xdc"
        assert card.parse(block).damaged, at


def test_sex_never_falls_through_to_the_other() -> None:
    for digit, sex in (("0", 0), ("1", 1), ("2", 2), ("9", 9), ("3", 0), ("x", 0), (" ", 0), ("２", 0)):
        assert resident(sex=digit).sex == sex


def test_unknown_markers_are_refused() -> None:
    for marker in ("Q", "Ｊ", "j", "X", "\u3000"):
        for function in (card.document_type, card.parse):
            raises(CardUnsupported, function, text_block(marker=marker))


def test_blank_and_zero_markers_are_resident() -> None:
    for marker in (" ", "\0"):
        assert card.document_type(text_block(marker=marker)) == resident(marker=marker).document == card.RESIDENT


def test_wrong_block_size_or_empty_name_is_malformed() -> None:
    for block in (b"", text_block()[:-1], text_block() + b"\0", text_block(name="")):
        raises(CardMalformed, card.parse, block)


def test_valid_numbers_pass() -> None:
    for number in ("110199199003070017", "110199194812310022", "11019919850615009X", "110199201202290039"):
        card.check_number(resident(number=number, birth=number[6:14]))


def test_every_wrong_check_digit_is_refused() -> None:
    for last in "012345689X":
        raises(NumberInvalid, card.check_number, resident(number=specimen.NUMBER[:17] + last))


def test_every_changed_digit_is_refused() -> None:
    number = specimen.NUMBER
    for at in range(17):
        changed = number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :]
        raises(NumberInvalid, card.check_number, resident(number=changed, birth=changed[6:14]))


def test_number_of_wrong_form_is_refused() -> None:
    for number in (
        "",
        "11019919900307001",
        "11019919900307001７",
        "1101991990030700 7",
        "1101991985061500X9",
        "11019919850615009x",
    ):
        raises(NumberInvalid, card.check_number, resident(number=number, birth=number[6:14]))


def test_impossible_birth_date_is_refused() -> None:
    raises(NumberInvalid, card.check_number, resident(number="11019919900230001X", birth="19900230"))


def test_birth_field_must_equal_the_number() -> None:
    for birth in ("19900308", "", "1990 307"):
        raises(NumberInvalid, card.check_number, resident(birth=birth))


def test_errors_carry_nothing_of_the_card() -> None:
    error = raises(NumberInvalid, card.check_number, resident(number=specimen.NUMBER[:17] + "8"))
    assert not any(char in "0123456789" for char in str(error))


def test_validity_includes_both_days() -> None:
    person = resident()
    for today, expected in (
        ("20191231", card.NOT_YET_VALID),
        ("20200101", card.VALID),
        ("20400101", card.VALID),
        ("20400102", card.EXPIRED),
        (None, card.NOT_CHECKED),
    ):
        assert card.validity(person, today) == expected, today
    assert (card.NOT_CHECKED, card.VALID, card.EXPIRED, card.NOT_YET_VALID) == (0, 1, 2, 3)


def test_long_term_never_expires_but_has_a_beginning() -> None:
    person = resident(valid_to="长期")
    assert card.validity(person, "29991231") == card.VALID
    assert card.validity(person, "20191231") == card.NOT_YET_VALID


def test_malformed_validity_is_refused_with_or_without_a_clock() -> None:
    for fields in (
        {"valid_to": "20410229"},
        {"valid_to": "长期有效"},
        {"valid_to": ""},
        {"valid_from": "长期"},
        {"valid_from": "2020010１"},
    ):
        for today in (None, "20250101"):
            raises(CardMalformed, card.validity, resident(**fields), today)


def test_dates_of_the_calendar() -> None:
    for text in ("20000229", "20240229", "20230228", "19991231", "00010101"):
        assert card.is_date(text), text
    for text in (
        "19000229",
        "20230229",
        "20230431",
        "20231301",
        "20230001",
        "20230100",
        "00000101",
        "2023010",
        "2023-1-1",
        "",
        "２0230101",
    ):
        assert not card.is_date(text), text


def test_memory_does_not_fill_with_the_characters_of_customers() -> None:
    """MicroPython keeps for good every character that is taken out of a text: 2000 of them are 30 KB."""
    try:
        used = gc.mem_alloc
    except AttributeError:
        skip("CPython counts its memory otherwise")
    block = bytearray(text_block(address="样" * 10))
    at = bytes(block).find(b"\x37\x68" * 3)
    card.parse(block)
    gc.collect()
    before = used()
    for first in range(0x4E00, 0x4E00 + 2000, 10):
        for place in range(10):
            block[at + 2 * place], block[at + 2 * place + 1] = first + place & 0xFF, first + place >> 8
        assert len(card.parse(block).address) == 10
    gc.collect()
    assert used() - before < 2000, used() - before
