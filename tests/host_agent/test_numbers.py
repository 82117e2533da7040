"""Numbers of the four documents, what is doubtful about a card, and the code tables."""

import csv
from dataclasses import replace
from typing import Any

import pytest

from host_agent import numbers, sealed
from host_agent.attestation import DocumentType
from host_agent.cbor import encode
from host_agent.sealed import Identity
from host_agent.tables import ETHNIC_GROUPS, PROVINCES
from tests.host_agent.terminal_double import document, identity
from tests.shared import SHARED

RESIDENT, HMT, OLD, NEW = DocumentType

# Published specimens and examples, and numbers in unassigned codes: reader facts, section 9
VALID = [
    (RESIDENT, "11010519491231002X", "19491231"),
    (RESIDENT, "440524188001010014", "18800101"),
    (RESIDENT, "110199199003070017", "19900307"),
    (RESIDENT, "110199194812310022", "19481231"),
    (RESIDENT, "11019919850615009X", "19850615"),
    (RESIDENT, "110199201202290039", "20120229"),
    (HMT, "810000199408230021", "19940823"),
    (HMT, "830000199201300022", "19920130"),
    (NEW, "931586198001010028", "19800101"),
    (NEW, "911586200101150032", "20010115"),
    (OLD, "CAN110081080310", "19810803"),
    (OLD, "PAK310080010116", "19800101"),
]
INVALID = [
    (RESIDENT, "110199199003070018", "19900307", "check digit"),
    (RESIDENT, "11019919900230001X", "19900230", "no such day"),
    (RESIDENT, "11019919850615009x", "19850615", "lower case"),
    (RESIDENT, "1101991990030700１7", "19900307", "full-width digit"),
    (RESIDENT, "CAN110081080310", "19810803", "form of a foreign card"),
    (HMT, "110199199003070017", "19900307", "a resident's code"),
    (HMT, "710000199408230028", "19940823", "71 is no code of a permit"),
    (NEW, "110199199003070017", "19900307", "does not begin with 9"),
    (OLD, "931586198001010028", "19800101", "form of 2023"),
    (OLD, "CAN110081080319", "19810803", "the vendor's misprint"),
    (OLD, "can110081080310", "19810803", "lower case"),
]


def person(document_type: int = 1, **changes: Any) -> Identity:
    entries = identity() if document_type == 1 else document(document_type)
    return replace(sealed.parse_identity(encode(entries), document_type), **changes)


@pytest.mark.parametrize(("kind", "number", "birth_date"), VALID, ids=[case[1] for case in VALID])
def test_published_and_synthetic_numbers_are_valid_with_their_own_birth_date_only(kind, number, birth_date):
    assert numbers.is_valid(kind, number, birth_date)
    assert not numbers.is_valid(kind, number, "19900308")
    assert not numbers.is_valid(kind, number, "")


@pytest.mark.parametrize(("kind", "number", "birth_date"), [case[:3] for case in INVALID], ids=[c[3] for c in INVALID])
def test_wrong_numbers_are_not_valid(kind, number, birth_date):
    assert not numbers.is_valid(kind, number, birth_date)


def test_a_number_of_2017_has_no_century():
    for century in ("18", "19", "20"):
        assert numbers.is_valid(OLD, "CAN110081080310", century + "810803")


def test_the_earlier_number_follows_from_the_link():
    assert numbers.earlier_number("931586198001010028", "PAK", "001") == "PAK310080010116"
    assert numbers.is_valid(OLD, "PAK310080010116", "19800101")


@pytest.mark.parametrize("link", ["", "000", "0", "0A1", "0011", "００１"])
def test_without_a_link_there_is_no_earlier_number(link):
    assert numbers.earlier_number("931586198001010028", "PAK", link) is None


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"sex": 2}, "sex-parity"),
        ({"number": "990199199001010010"}, "province-unknown"),
        ({"ethnicity": "57"}, "ethnic-group-unknown"),
        ({"ethnicity": ""}, "ethnic-group-unknown"),
    ],
    ids=str,
)
def test_doubts_about_a_resident_card(changes, doubt):
    assert numbers.doubts(person(**changes)) == (doubt,)


@pytest.mark.parametrize("permit", ["", "M00000000", "H0000000", "00000000", "H000000000"])
def test_doubts_about_a_travel_permit(permit):
    assert numbers.doubts(person(2, sex=2, travel_permit=permit)) == ("travel-permit-form",)


@pytest.mark.parametrize(("code", "permit"), [("81", "H00000000"), ("82", "M00000000"), ("83", "00000000")])
def test_each_region_has_its_form_of_travel_permit(code, permit):
    number = code + "0000199408230021"
    assert numbers.doubts(person(2, sex=2, number=number, travel_permit=permit)) == ()


def test_doubts_about_foreign_cards():
    assert numbers.doubts(person(3, nationality="XXA")) == ("nationality-differs",)
    assert numbers.doubts(person(4, sex=2)) == ("sex-parity",)
    assert numbers.doubts(person(4, number="999999199001010010")) == ("province-unknown",)


def test_nothing_is_doubtful_about_a_plain_card_nor_about_a_sex_that_is_not_told():
    for plain in (person(), person(sex=9), person(2, sex=2), person(3, sex=1), person(3, sex=2), person(4)):
        assert numbers.doubts(plain) == ()


@pytest.mark.parametrize(
    ("file", "column", "table"),
    [
        ("ethnic_groups_gbt3304.csv", "name_zh_on_card", ETHNIC_GROUPS),
        ("provinces_gbt2260.csv", "name_zh", PROVINCES),
    ],
)
def test_tables_are_those_of_the_standards(file, column, table):
    path = SHARED / "data" / file
    if not path.exists():
        pytest.skip(f"absent: ../shared/data/{file}")
    with path.open(encoding="utf-8", newline="") as lines:
        assert {row["code"]: row[column] for row in csv.DictReader(lines)} == table


def test_tables_have_what_copies_of_them_get_wrong():
    assert (ETHNIC_GROUPS["46"], ETHNIC_GROUPS["56"]) == ("德昂", "基诺")
    assert len(ETHNIC_GROUPS) == 58 and len(PROVINCES) == 35
