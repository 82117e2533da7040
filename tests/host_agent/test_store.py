"""The store against real SQLite: all or nothing, real SQLITE_FULL, and the bounds that keep a flood from filling it."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_agent import attestation, envelope, store
from host_agent.attestation import Verdict
from host_agent.errors import ConfigError
from host_agent.policy import SESSION_S, Chain
from host_agent.store import BackendAnswer, OrderRow, Store, StoreFull
from tests.host_agent.rig import NOW, enter
from tests.host_agent.terminal_double import TerminalDouble

MIB = 1024 * 1024
KID = b"12345678"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "agent.db", 64 * MIB, 0)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def terminal(pki: Path) -> TerminalDouble:
    return TerminalDouble(pki, "t-0001")


def order(order_id: str, device: str = "t-0001", *, iat: int = NOW, token: bytes = b"signed") -> OrderRow:
    nonce = f"{order_id:>16}".encode()[-16:]
    return OrderRow(order_id, device, "CH-1", nonce, iat, iat + 300, "waiting", None, None, token)


# --- opening


def test_commits_reach_the_disk_before_they_return(books: Store) -> None:
    assert books._value("PRAGMA journal_mode") == "wal"
    assert books._value("PRAGMA synchronous") == 2, "FULL"


def test_file_is_readable_by_its_owner_only(books: Store, tmp_path: Path) -> None:
    assert (tmp_path / "agent.db").stat().st_mode & 0o777 == 0o600


def test_second_agent_on_the_same_store_is_refused(books: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"store\.path: another agent"):
        Store(tmp_path / "agent.db", MIB, 0)


def test_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "agent.db") as connection:
        connection.execute("PRAGMA user_version = 5")
    with pytest.raises(ConfigError, match=r"store\.path: .*version is 5"):
        Store(tmp_path / "agent.db", MIB, 0)


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agent.db").write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigError, match=r"store\.path"):
        Store(tmp_path / "agent.db", MIB, 0)


def test_content_is_there_after_reopening(tmp_path: Path, terminal: TerminalDouble) -> None:
    first = Store(tmp_path / "agent.db", MIB, 0)
    token = terminal.next_token()
    with first.transaction():
        enter(first, token)
    first.close()
    again = Store(tmp_path / "agent.db", MIB, 0)
    assert [row.token for row in again.outbox(NOW, 10)] == [token]
    again.close()


# --- transactions


def test_failed_transaction_leaves_nothing(books: Store, terminal: TerminalDouble) -> None:
    token = terminal.next_token()
    with pytest.raises(RuntimeError), books.transaction():
        evidence = enter(books, token)
        raise RuntimeError("between two statements")
    assert not books.is_cti_known(evidence.cti)
    assert books.outbox(NOW, 10) == []


def test_sqlite_full_is_store_full_and_leaves_nothing(books: Store) -> None:
    books.limit(books._used_pages() * books._page_bytes)
    with pytest.raises(StoreFull, match="SQLITE_FULL"), books.transaction():
        for number in range(100):
            books.add_order(order(f"order-{number}", token=bytes(4096)))
    assert books.order("order-0") is None


def test_intake_stops_while_there_is_room_for_receipts_and_orders(books: Store, terminal: TerminalDouble) -> None:
    with books.transaction():
        for _ in range(60):
            enter(books, terminal.next_token())
    books.limit(books._used_pages() * books._page_bytes * 8 // 7)
    with pytest.raises(StoreFull, match="max_bytes"), books.transaction(is_intake=True):
        for _ in range(10):
            enter(books, terminal.next_token())
    rows = books.outbox(NOW, 100)
    books.settle([BackendAnswer(row.evidence_id, b"receipt", Verdict.STORED, None) for row in rows], NOW)
    assert len(rows) == 60 and books.outbox(NOW, 100) == []


def test_disk_without_free_space_is_store_full(tmp_path: Path) -> None:
    opened = Store(tmp_path / "agent.db", MIB, 2**60)
    with pytest.raises(StoreFull, match="are free"), opened.transaction(is_intake=True):
        pass
    opened.close()


def test_release_gives_up_only_what_the_backend_has(books: Store, terminal: TerminalDouble) -> None:
    with books.transaction():
        for code in (None, None, "chain-broken", None):
            enter(books, terminal.next_token(), code)
    delivered = books.outbox(NOW, 2)
    books.settle([BackendAnswer(row.evidence_id, b"receipt", Verdict.STORED, None) for row in delivered], NOW)
    assert books.release() == 0, "there is room"
    books.limit(books._used_pages() * books._page_bytes)
    assert books.release() == 2
    assert books.release() == 0
    assert books._value("SELECT count(*) FROM tokens") == 2, "one refused by the agent, one not delivered"
    assert books.is_duplicate(delivered[0].sha256, b""), "still known"


# --- evidence and chain


def test_duplicates_are_known_by_token_and_by_payload(books: Store, terminal: TerminalDouble) -> None:
    sealed = envelope.parse(terminal.next_token())
    with books.transaction():
        enter(books, sealed.token)
    assert books.is_duplicate(sealed.sha256, bytes(32))
    assert books.is_duplicate(bytes(32), sealed.payload_sha256)
    assert not books.is_duplicate(bytes(32), bytes(32))


def test_chain_shows_the_neighbours(books: Store, pki: Path) -> None:
    terminal = TerminalDouble(pki, "t-0002")
    sealed = [envelope.parse(terminal.next_token()) for _ in range(3)]
    claims = [attestation.parse_evidence(one.payload) for one in sealed]
    with books.transaction():
        for place in (0, 2):
            books.link(KID, claims[place], sealed[place].sha256)
    around = books.chain_around(KID, claims[1])
    assert around == Chain(at_seq=None, before=sealed[0].sha256, prev_of_next=sealed[1].sha256)
    assert books.chain_around(b"otherkey", claims[1]) == Chain()


def test_first_token_at_a_place_of_the_chain_stays(books: Store, pki: Path) -> None:
    claims = attestation.parse_evidence(envelope.parse(TerminalDouble(pki, "t-0003").next_token()).payload)
    with books.transaction():
        books.link(KID, claims, b"first")
        books.link(KID, claims, b"second")
    assert books.chain_around(KID, claims).at_seq == b"first"


# --- refusals


def test_refusals_of_a_device_are_bounded_for_the_hour_and_counted_beyond(books: Store) -> None:
    kept = [
        books.add_refusal("t-0001", "token-malformed", number.to_bytes(32, "big"), b"garbage", NOW)
        for number in range(store.REFUSALS_PER_HOUR + 10)
    ]
    assert kept == [True] * store.REFUSALS_PER_HOUR + [False] * 10
    assert books.figures(NOW)["refused"] == {"token-malformed": store.REFUSALS_PER_HOUR + 10}
    assert books._value("SELECT count(*) FROM refusals") == store.REFUSALS_PER_HOUR + 1
    assert books._value("SELECT count FROM refusals WHERE sha256 = x''") == 10
    assert books.add_refusal("t-0002", "token-malformed", b"other", b"garbage", NOW), "another device has its own share"
    assert books.add_refusal("t-0001", "token-malformed", b"later", b"garbage", NOW + 3600), "so has the next hour"


def test_refusals_are_bounded_in_all(books: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "REFUSALS_TOTAL", 5)
    kept = [books.add_refusal(f"t-{n}", "key-unknown", bytes([n]), b"garbage", NOW) for n in range(7)]
    assert kept == [True] * 5 + [False] * 2


def test_repeated_refusal_is_one_row(books: Store) -> None:
    for _ in range(3):
        assert books.add_refusal("t-0001", "key-unknown", b"same", b"garbage", NOW)
    assert books._rows("SELECT count FROM refusals") == [(3,)]


def test_large_refusal_is_kept_up_to_its_first_8_kib(books: Store) -> None:
    books.add_refusal("t-0001", "token-oversized", b"large", bytes(60000), NOW)
    assert books._rows("SELECT size_bytes, length(head) FROM refusals") == [(60000, 8192)]


def test_old_refusals_make_way(books: Store) -> None:
    books.add_refusal("t-0001", "key-unknown", b"old", b"garbage", NOW)
    books.add_refusal("t-0001", "key-unknown", b"new", b"garbage", NOW + store.REFUSALS_KEPT_S + 1)
    assert books._rows("SELECT sha256 FROM refusals") == [(b"new",)]


# --- orders


def test_waiting_orders_are_the_oldest_of_each_device(books: Store) -> None:
    with books.transaction():
        for number in range(6):
            books.add_order(order(f"a-{number}", iat=NOW + 5 - number, token=bytes([number])))
        books.add_order(order("b-1", "t-0002", token=b"other"))
    assert books.waiting_orders(NOW, "t-0001") == [("t-0001", bytes([n])) for n in (5, 4, 3, 2)]
    assert books.waiting_orders(NOW, "t-0002") == [("t-0002", b"other")]
    assert len(books.waiting_orders(NOW)) == 5


def test_order_that_has_run_out_is_not_sent_and_expires_later(books: Store) -> None:
    with books.transaction():
        books.add_order(order("order-1"))
    exp = NOW + 300
    assert books.waiting_orders(exp) and not books.waiting_orders(exp + 1)
    books.expire_orders(exp + SESSION_S)
    assert books.order("order-1").state == "waiting", "a session that began in time may still end"
    books.expire_orders(exp + SESSION_S + 1)
    assert books.order("order-1").state == "expired"


@pytest.mark.parametrize("ending", ["attested", "refused", "expired"])
def test_number_to_register_is_gone_once_the_order_has_ended(books: Store, tmp_path: Path, ending: str) -> None:
    secret = b"17099887766"
    with books.transaction():
        books.add_order(order("order-1", token=secret))
    if ending == "expired":
        books.expire_orders(NOW + 10_000)
    else:
        with books.transaction():
            books.answer_order("order-1", b"cti", None if ending == "attested" else "card-expired")
    books.close()
    assert secret not in (tmp_path / "agent.db").read_bytes()


@pytest.mark.parametrize(
    ("verdict", "code", "state"),
    [
        (Verdict.STORED, None, ("accepted", None)),
        (Verdict.DUPLICATE, None, ("accepted", None)),
        (Verdict.REFUSED, "number-invalid", ("refused", "number-invalid")),
    ],
)
def test_backends_receipt_ends_the_order(
    books: Store, terminal: TerminalDouble, verdict: Verdict, code: str | None, state: tuple[str, str | None]
) -> None:
    with books.transaction():
        books.add_order(order("order-9"))
        evidence = enter(books, terminal.next_token(order_id="order-9"))
        books.answer_order("order-9", evidence.cti, None)
    row = books.outbox(NOW, 1)[0]
    books.settle([BackendAnswer(row.evidence_id, b"receipt", verdict, code)], NOW)
    found = books.order("order-9")
    assert found is not None and (found.state, found.code) == state


def test_backends_receipt_for_the_terminals_refusal_leaves_the_order_refused(
    books: Store, terminal: TerminalDouble
) -> None:
    with books.transaction():
        books.add_order(order("order-9"))
        evidence = enter(books, terminal.next_token(order_id="order-9", reason="card-expired"))
        books.answer_order("order-9", evidence.cti, "card-expired")
    row = books.outbox(NOW, 1)[0]
    books.settle([BackendAnswer(row.evidence_id, b"receipt", Verdict.STORED, None)], NOW)
    found = books.order("order-9")
    assert found is not None and (found.state, found.code) == ("refused", "card-expired")


# --- outbox


def test_outbox_holds_what_is_accepted_oldest_first(books: Store, terminal: TerminalDouble) -> None:
    tokens = [terminal.next_token() for _ in range(4)]
    with books.transaction():
        for token, code in zip(tokens, (None, "seq-replayed", None, None), strict=True):
            enter(books, token, code)
    rows = books.outbox(NOW, 10)
    assert [row.token for row in rows] == [tokens[0], tokens[2], tokens[3]]
    assert [row.token for row in books.outbox(NOW, 1, without=[rows[0].evidence_id])] == [tokens[2]]


def test_postponed_item_waits_and_shows(books: Store, terminal: TerminalDouble) -> None:
    with books.transaction():
        enter(books, terminal.next_token())
    books.postpone(books.outbox(NOW, 1)[0].evidence_id, NOW + 600)
    assert books.outbox(NOW, 1) == []
    assert books.figures(NOW)["outbox_postponed"] == 1
    assert len(books.outbox(NOW + 600, 1)) == 1


def test_figures_give_the_age_of_the_oldest_record(books: Store, terminal: TerminalDouble) -> None:
    assert books.figures(NOW)["outbox_oldest_s"] is None
    with books.transaction():
        enter(books, terminal.next_token())
    assert books.figures(NOW + 42)["outbox_oldest_s"] == 42


def test_thousand_records_drain_in_order(books: Store, terminal: TerminalDouble) -> None:
    with books.transaction():
        for _ in range(1000):
            enter(books, terminal.next_token(reason="card-expired"))
    seen: list[int] = []
    end = time.monotonic() + 30
    while rows := books.outbox(NOW, 256):
        assert time.monotonic() < end
        seen += [row.evidence_id for row in rows]
        books.settle([BackendAnswer(row.evidence_id, b"receipt", Verdict.STORED, None) for row in rows], NOW)
    assert seen == sorted(set(seen)) and len(seen) == 1000
