"""What the reference backend takes and refuses, and its books; without the server."""

import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from host_agent import attestation, keys, numbers
from host_agent.attestation import DocumentType, Verdict
from host_agent.errors import ConfigError, catalogue
from host_agent.policy import FacePolicy
from host_agent.registry import Registry
from tests.host_agent.terminal_double import MSISDN, TerminalDouble, citizen_number, document, identity
from tools.backend.app import Signer
from tools.backend.appraisal import Genuine, Trust, appraise
from tools.backend.seal_keys import SealKeys
from tools.backend.store import Books, Entry
from tools.pki import authority

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backend")
    authority.create(folder / "pki", ["T-1", "T-2", "T-suspended"])
    path = folder / "pki" / "registry.json"
    registry = json.loads(path.read_text())
    registry["devices"][2]["status"] = "suspended"
    path.write_text(json.dumps(registry))
    return folder


@pytest.fixture
def double(folder) -> TerminalDouble:
    return TerminalDouble(folder / "pki", "T-1")


class Bench:
    """Appraisal and books without the server."""

    def __init__(self, pki: Path, database: Path, is_production: bool = False) -> None:
        registry = Registry.load(pki / "registry.json")
        seal_keys = SealKeys(keys.load_private(pki / "backend.seal.key.pem"))
        self.trust = Trust(registry, seal_keys, is_production, FacePolicy())
        self.books = Books(database)
        party = registry.backend
        self.signer = Signer(party.id, party.sign.kid, keys.load_private(pki / "backend.sign.key.pem"))

    def enter(self, token: bytes) -> Entry:
        now = int(time.time())
        return self.books.enter([appraise(token, now, self.trust)], now, self.signer.receipt)[0]


@pytest.fixture
def bench(folder, tmp_path) -> Iterator[Bench]:
    bench = Bench(folder / "pki", tmp_path / "books.db")
    yield bench
    bench.books.close()


def twin(token: bytes) -> bytes:
    """The same token under the other valid signature."""
    return token[:-32] + (ORDER - int.from_bytes(token[-32:], "big")).to_bytes(32, "big")


# --- what it takes


def test_a_registration_is_entered(bench, double):
    entry = bench.enter(double.next_token(order_id="order-1"))
    assert entry.verdict is Verdict.STORED and entry.code is None and len(entry.cti) == 16
    counts = bench.books.counts()
    assert (counts["registrations"], counts["registrations_per_order_max"], counts["duplicate_registrations"]) == (
        1,
        1,
        0,
    )
    assert counts["refusals"] == counts["rejected"] == {} and counts["gaps"] == 0


def test_the_books_hold_the_token_and_the_identity(bench, double, tmp_path):
    token = double.next_token(order_id="order-1")
    cti = bench.enter(token).cti
    with sqlite3.connect(tmp_path / "books.db") as books:
        assert books.execute("SELECT token FROM evidence").fetchall() == [(token,)]
        assert books.execute("SELECT order_id FROM registrations").fetchall() == [("order-1",)]
    content = bench.books.identity(cti)
    assert (content["number"], content["valid_to"], content["msisdn"]) == (citizen_number(), "长期", MSISDN)
    assert (content["additional_addresses"], len(content["photo"])) == (["测试新址"], 1024)


def test_the_terminals_own_refusal_is_entered_with_its_code(bench, double):
    assert bench.enter(double.next_token(reason="card-expired")).verdict is Verdict.STORED
    assert bench.enter(double.next_token(reason="card-timeout")).verdict is Verdict.STORED
    counts = bench.books.counts()
    assert counts["refusals"] == {"card-expired": 1, "card-timeout": 1} and counts["registrations"] == 0


def test_a_repeat_is_a_duplicate(bench, double):
    token = double.next_token()
    first, second = bench.enter(token), bench.enter(token)
    assert (second.verdict, second.cti, second.sha256) == (Verdict.DUPLICATE, first.cti, first.sha256)
    counts = bench.books.counts()
    assert (counts["registrations"], counts["duplicate_receipts"]) == (1, 1)


def test_the_other_valid_signature_of_the_same_claims_is_a_duplicate(bench, double):
    token = double.next_token()
    first, second = bench.enter(token), bench.enter(twin(token))
    assert (second.verdict, second.cti) == (Verdict.DUPLICATE, first.cti) and second.sha256 != first.sha256
    assert bench.books.counts()["registrations"] == 1


def test_the_same_claims_under_a_wrong_signature_are_no_duplicate(bench, double):
    token = double.next_token()
    bench.enter(token)
    assert bench.enter(token[:-1] + bytes([token[-1] ^ 1])).code == "signature-invalid"


def test_a_repeat_stays_a_duplicate_when_its_terminal_was_suspended_since(bench, double, folder, tmp_path):
    token = double.next_token()
    bench.enter(token)
    device = bench.trust.registry.devices["T-1"]
    suspended = replace(device, status="suspended")
    registry = replace(bench.trust.registry, by_kid=bench.trust.registry.by_kid | {device.kid: suspended})
    bench.trust = replace(bench.trust, registry=registry)
    assert bench.enter(token).verdict is Verdict.DUPLICATE
    assert bench.enter(double.next_token()).code == "device-suspended"


def test_a_rejected_token_is_judged_anew(bench, double, folder):
    token = double.next_token()
    known = bench.trust.registry
    bench.trust = replace(bench.trust, registry=replace(known, by_kid={}))
    assert bench.enter(token).code == "key-unknown"
    bench.trust = replace(bench.trust, registry=known)
    assert bench.enter(token).verdict is Verdict.STORED


def test_a_terminal_without_a_trusted_clock_is_taken(bench, double):
    claims = double.claims()
    claims[6] = 2**40
    claims[-70006] = [True, 1, None]
    claims[-70003][11] = [True, 0]
    assert bench.enter(double.sign(claims)).verdict is Verdict.STORED


@pytest.mark.parametrize("document_type", [2, 3, 4])
def test_every_other_document_is_entered_with_the_fields_it_has(bench, double, document_type):
    entries = document(document_type)
    claims = double.claims(person=entries)
    claims[-70003][1] = document_type
    entry = bench.enter(double.sign(claims))
    assert entry.verdict is Verdict.STORED
    columns = {3: "ethnicity", 5: "address", 7: "authority", 13: "english_name", 14: "nationality"}
    columns |= {15: "travel_permit", 16: "issue_count", 17: "earlier_link"}
    columns |= {18: "accepting_authority", 19: "card_version"}
    content = bench.books.identity(entry.cti)
    assert (content["document"], content["name"]) == (document_type, entries[1])
    assert [content.get(name) for name in columns.values()] == [entries.get(number) for number in columns]


def test_doubts_are_noted_in_the_books_and_refuse_nothing(bench, double):
    entry = bench.enter(double.next_token(person=identity(e2=2, e3="57")))
    assert entry.verdict is Verdict.STORED
    assert bench.books.identity(entry.cti)["doubts"] == ["sex-parity", "ethnic-group-unknown"]


@pytest.mark.parametrize(
    ("document_type", "change", "code"),
    [
        (2, {6: citizen_number()}, "number-invalid"),
        (3, {6: "XXS110190010116"}, "number-invalid"),
        (4, {6: citizen_number()}, "number-invalid"),
        (3, {13: ""}, "identity-mismatch"),
        (4, {13: ""}, "identity-mismatch"),
        (2, {1: ""}, "identity-mismatch"),
    ],
    ids=str,
)
def test_other_documents_that_are_not_right_are_refused(bench, double, document_type, change, code):
    birth = {4: "19900101"} if document_type == 2 and 6 in change else {}
    claims = double.claims(person=document(document_type) | change | birth)
    claims[-70003][1] = document_type
    assert bench.enter(double.sign(claims)).code == code


# --- what it refuses

Change = Callable[[TerminalDouble, dict[int, Any]], Any]


def _claim(key: int, value: Any) -> Change:
    return lambda _double, claims: claims.update({key: value})


def _result(key: int, value: Any) -> Change:
    return lambda _double, claims: claims[-70003].update({key: value})


def _person(**changes: Any) -> Change:
    return lambda double, claims: double.seal(claims, identity(**changes))


CHANGES: list[tuple[str, Change, str]] = [
    ("another profile", _claim(265, attestation.ORDER_PROFILE), "profile-unknown"),
    ("no nonce", lambda _, claims: claims.pop(10), "claims-malformed"),
    ("another terminal's ueid", _claim(256, b"\x01" + bytes(16)), "device-mismatch"),
    ("another channel", _result(5, "CH-999999"), "channel-mismatch"),
    ("tomorrow", _claim(6, int(time.time()) + 86400), "clock-implausible"),
    ("an unknown document", _result(1, 9), "result-insufficient"),
    ("another document than was sealed", _result(1, 2), "seal-invalid"),
    ("another read method", _result(2, 2), "result-insufficient"),
    ("no reader", lambda _, claims: claims[-70003].pop(10), "result-insufficient"),
    ("number not right", _result(11, [False, 1]), "result-insufficient"),
    ("card expired", _result(11, [True, 2]), "result-insufficient"),
    ("card not yet valid", _result(11, [True, 3]), "result-insufficient"),
    ("sealed for another seq", _claim(-70001, 3), "seal-invalid"),
    ("not sealed at all", _claim(-70004, b"\xf6"), "seal-invalid"),
    ("no check digit", _person(e6=citizen_number()[:17] + "A"), "number-invalid"),
    ("wrong check digit", _person(e6=citizen_number()[:16] + "3" + citizen_number()[17]), "number-invalid"),
    ("other birth date", _person(e4="19900102"), "number-invalid"),
    ("impossible birth date", _person(e4="19900231", e6=citizen_number("11019919900231001")), "number-invalid"),
    ("expired in truth", _person(e9="20201231"), "card-expired"),
    ("not valid yet in truth", _person(e8="20990101"), "card-not-yet-valid"),
    ("no date", _person(e8="2020010"), "identity-mismatch"),
    ("blank name", _person(e1=""), "identity-mismatch"),
    ("no number to register", _person(e12="none"), "identity-mismatch"),
    ("identity of another shape", _person(e11="photo"), "seal-invalid"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_claims_that_are_not_right_are_refused(bench, double, change, code):
    claims = double.claims()
    change(double, claims)
    if code == "seal-invalid" and claims[-70001] == 3:
        claims[-70002] = b"\x01" * 32
    entry = bench.enter(double.sign(claims))
    assert (entry.verdict, entry.code) == (Verdict.REFUSED, code)
    assert bench.books.counts()["rejected"] == {code: 1} and bench.books.counts()["evidence"] == 0


def test_refusal_is_entered_whatever_its_clock_says(bench, double):
    claims = double.claims(reason="cancelled")
    claims[6] = int(time.time()) + 86400
    assert bench.enter(double.sign(claims)).verdict is Verdict.STORED
    assert bench.books.counts()["refusals"] == {"cancelled": 1}


TOKENS: list[tuple[str, Callable[[TerminalDouble], bytes], str]] = [
    ("random bytes", lambda _: random.Random(1).randbytes(700), "token-malformed"),
    ("empty", lambda _: b"", "token-malformed"),
    ("truncated", lambda double: double.next_token()[:-1], "token-malformed"),
    ("too long", lambda _: bytes(8193), "token-oversized"),
    ("no type", lambda double: double.sign(double.claims(), typ=None), "token-malformed"),
    ("one bit", lambda double: double.next_token()[:-1] + b"\x00", "signature-invalid"),
]


@pytest.mark.parametrize(("make", "code"), [case[1:] for case in TOKENS], ids=[case[0] for case in TOKENS])
def test_tokens_that_are_not_right_are_refused(bench, double, make, code):
    entry = bench.enter(make(double))
    assert (entry.verdict, entry.code, entry.cti) == (Verdict.REFUSED, code, b"")


def test_an_unregistered_key_is_unknown(bench, tmp_path):
    authority.create(tmp_path / "other", ["T-1"])
    assert bench.enter(TerminalDouble(tmp_path / "other", "T-1").next_token()).code == "key-unknown"


def test_a_suspended_terminal_is_refused(bench, folder):
    assert bench.enter(TerminalDouble(folder / "pki", "T-suspended").next_token()).code == "device-suspended"


@pytest.mark.parametrize(("oemboot", "dbgstat"), [(False, 2), (True, 0), (True, 1)])
def test_development_builds_are_refused_in_production(folder, tmp_path, double, oemboot, dbgstat):
    bench = Bench(folder / "pki", tmp_path / "books.db", is_production=True)
    claims = double.claims() | {262: oemboot, 263: dbgstat}
    assert bench.enter(double.sign(claims)).code == "device-debug"
    assert bench.enter(double.sign(claims | {262: True, 263: 2})).verdict is Verdict.STORED
    bench.books.close()


def test_every_code_of_these_tests_is_in_the_catalogue():
    assert {case[2] for case in CHANGES + TOKENS} <= catalogue().keys()


@pytest.mark.parametrize("number", ["", "1" * 17, "1" * 18, citizen_number().lower() + "x", "１" * 18])
def test_numbers_of_another_form_are_not_valid(number):
    assert not numbers.is_valid(DocumentType.RESIDENT, number, number[6:14])


# --- the chain


def test_a_gap_is_noted_and_can_be_filled_later(bench, double):
    first, second, third = (double.next_token() for _ in range(3))
    bench.enter(first)
    assert bench.enter(third).verdict is Verdict.STORED and bench.books.counts()["gaps"] == 1
    assert bench.enter(second).verdict is Verdict.STORED and bench.books.counts()["gaps"] == 0


def test_two_successors_of_one_token_are_a_fork(bench, double):
    bench.enter(double.next_token())
    bench.enter(double.sign(double.claims()))
    double.seq += 1  # while `prev` stays
    assert bench.enter(double.sign(double.claims())).code == "chain-fork"


@pytest.mark.parametrize("prev", [None, b"\x07" * 32])
def test_a_sequence_number_is_used_once(bench, double, prev):
    bench.enter(double.next_token())
    bench.enter(double.sign(double.claims()))
    double.prev = prev or double.prev
    assert bench.enter(double.sign(double.claims())).code == "seq-replayed"


def test_a_token_that_does_not_link_to_the_one_before_is_refused(bench, double):
    bench.enter(double.next_token())
    double.prev = b"\x07" * 32
    assert bench.enter(double.sign(double.claims())).code == "chain-broken"


def test_a_late_token_that_the_next_one_does_not_name_is_refused(bench, double):
    bench.enter(double.next_token())
    late = double.claims()
    double.next_token()
    bench.enter(double.next_token())
    assert bench.enter(double.sign(late)).code == "chain-broken"


def test_a_cti_is_used_once(bench, double):
    claims = double.claims()
    bench.enter(first := double.sign(claims))
    double.advance(first)
    again = double.claims() | {7: claims[7]}
    double.seal(again, identity())
    assert bench.enter(double.sign(again)).code == "cti-reused"


def test_a_nonce_is_used_once(bench, double):
    claims = double.claims()
    bench.enter(first := double.sign(claims))
    double.advance(first)
    assert bench.enter(double.sign(double.claims() | {10: claims[10]})).code == "nonce-reused"


def test_each_key_has_a_chain_of_its_own(bench, double, folder):
    other = TerminalDouble(folder / "pki", "T-2")
    assert [bench.enter(each.next_token()).verdict for each in (double, other)] == [Verdict.STORED] * 2


def test_a_second_registration_of_an_order_shows_in_the_books(bench, double):
    for _ in range(2):
        assert bench.enter(double.next_token(order_id="order-1")).verdict is Verdict.STORED
    counts = bench.books.counts()
    assert (counts["registrations_per_order_max"], counts["duplicate_registrations"]) == (2, 1)


# --- the books


def test_a_batch_is_entered_whole_or_not_at_all(bench, double):
    now = int(time.time())
    good, bad = (appraise(double.next_token(), now, bench.trust) for _ in range(2))
    assert isinstance(bad, Genuine) and bad.identity is not None
    broken = replace(bad, token=object())  # type: ignore[arg-type]
    with pytest.raises(sqlite3.Error):
        bench.books.enter([good, broken], now, bench.signer.receipt)
    assert bench.books.counts()["evidence"] == 0
    assert bench.books.enter([good, bad], now, bench.signer.receipt)[1].verdict is Verdict.STORED


def test_the_database_is_for_its_owner_only(bench, tmp_path):
    assert (tmp_path / "books.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"no database, but a file of some length " * 40, None])
def test_a_database_that_is_not_ours_is_a_configuration_error(tmp_path, content):
    path = tmp_path / "books.db"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA user_version = 7")
            other.execute("CREATE TABLE something (x)")
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="database"):
        Books(path)
