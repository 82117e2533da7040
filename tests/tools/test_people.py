"""Synthetic people: readable as cards, valid by the rules of the number, nobody real."""

from collections import Counter

import pytest
from terminal import card as parser
from terminal.errors import NumberInvalid

from tools.emulator import people

TODAY = "20260601"
DECK = people.deck(seed=1, count=200)


def test_same_seed_gives_same_people() -> None:
    assert people.deck(1, 200) == DECK
    assert people.deck(2, 200) != DECK
    assert people.deck(1, 3) == DECK[:3]


def test_everybody_is_synthetic() -> None:
    for person in DECK:
        assert person.number.startswith("110199")
        assert person.name.startswith(("测", "样本"))
        assert "虚构" in person.address


def test_numbers_are_their_own_and_fit_the_sex() -> None:
    assert len({person.number for person in DECK}) == len(DECK)
    assert all(int(person.number[16]) % 2 == person.sex % 2 for person in DECK)
    assert Counter(person.sex for person in DECK).keys() == {1, 2}


def test_names_have_many_lengths_and_middle_dots() -> None:
    assert len({len(person.name) for person in DECK}) >= 4
    assert any("·" in person.name for person in DECK)


def test_terminal_reads_every_card_as_it_was_made() -> None:
    for person in DECK:
        read = parser.parse(people.card(person).text)
        for field in ("name", "sex", "ethnic", "birth", "address", "number", "issuer", "valid_from", "valid_to"):
            assert getattr(read, field) == getattr(person, field)
        parser.check_number(read)
        assert parser.validity(read, TODAY) == parser.VALID


def test_check_digits_of_published_examples() -> None:
    for number in ("11010519491231002X", "440524188001010014"):
        assert people.check_digit(number[:17]) == number[17]


def test_expired_card_differs_in_its_dates_only() -> None:
    read = parser.parse(people.text_block(people.expired(DECK[0])))
    parser.check_number(read)
    assert (parser.validity(read, TODAY), read.name) == (parser.EXPIRED, DECK[0].name)


def test_wrong_check_digit_is_refused() -> None:
    for person in DECK:
        read = parser.parse(people.text_block(people.with_wrong_check_digit(person)))
        with pytest.raises(NumberInvalid):
            parser.check_number(read)


def test_longterm_card_has_a_holder_of_that_age() -> None:
    for person in DECK:
        read = parser.parse(people.text_block(people.longterm(person)))
        parser.check_number(read)
        assert parser.validity(read, TODAY) == parser.VALID
        assert (read.valid_to, read.birth[:4]) == ("长期", "1948")


def test_terminal_reads_every_other_document_as_it_was_made() -> None:
    for make in (people.hmt_permit, people.foreign_2017, people.foreign_2023):
        for person in DECK[:50]:
            made = make(person)
            read = parser.parse(people.card(made).text)
            for field in parser.FIELDS:
                assert (getattr(read, field) or "") == getattr(made, field), field
            parser.check_number(read)
            assert parser.validity(read, TODAY) == parser.VALID
            with pytest.raises(NumberInvalid):
                parser.check_number(parser.parse(people.text_block(people.with_wrong_check_digit(made))))


def test_other_documents_are_nobodys_too() -> None:
    for person in DECK:
        assert people.hmt_permit(person).number == "810000199408230021", "the published specimen"
        assert people.foreign_2017(person).number[:3] == people.foreign_2023(person).nationality == "XXS"
        assert people.foreign_2023(person).number[3:6] == "999"


def test_english_name_of_two_parts_has_its_space_where_they_meet() -> None:
    name = people.foreign_2023(DECK[0]).english_name
    assert len(name) > 35 and name[34] == " "
    longest = "A" * 46
    read = parser.parse(people.text_block(people.foreign_2023(DECK[0], longest)))
    assert read.english_name == longest
    with pytest.raises(ValueError, match="24 bytes"):
        people.text_block(people.foreign_2023(DECK[0], longest + "A"))


def test_photo_has_the_wlt_header_and_nobody_on_it() -> None:
    first, second = people.card(DECK[0]).photo, people.card(DECK[1]).photo
    assert len(first) == 1024
    assert first[:8].hex() == second[:8].hex() == "574c66007e003200"
    assert first != second
    assert people.card(people.expired(DECK[0])).photo == first


def test_text_too_long_for_its_field_is_refused() -> None:
    for texts in (("虚" * 36,), ("虚" * 35, "虚" * 36)):
        with pytest.raises(ValueError, match="72 bytes"):
            people.address_block(texts)
    assert len(people.address_block(("虚" * 35, "甲"))) == 140
