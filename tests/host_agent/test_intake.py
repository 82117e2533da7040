"""The writer: stores before it acknowledges, keeps everything while the store is full, and goes on by itself."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from host_agent import envelope, intake
from host_agent.attestation import Verdict
from host_agent.ingest import Outcome, Signer
from host_agent.intake import Intake, Message
from host_agent.keys import load_private
from host_agent.policy import FacePolicy
from host_agent.registry import Registry
from host_agent.store import BackendAnswer, Store
from tests.host_agent.rig import NOW, enter, read_receipt, wait_until
from tests.host_agent.terminal_double import TerminalDouble

MIB = 1024 * 1024
TOPIC = "rnr/v1/demo/t-0001/up/evi"


class CourierDouble:
    """Remembers what it was given; `check` runs at each acknowledgement."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.published: list[tuple[str, bytes]] = []
        self.wakes = 0
        self.check: Callable[[Sequence[Message]], None] = lambda _messages: None

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.check(messages)
        self.acknowledged += [message.mid for message in messages]

    def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload))

    def wake(self) -> None:
        self.wakes += 1


class Desk:
    def __init__(self, pki: Path, folder: Path, min_free_bytes: int = 0) -> None:
        self.database = folder / "agent.db"
        self.registry = Registry.load(pki / "registry.json")
        self.store = Store(self.database, 64 * MIB, min_free_bytes)
        self.courier = CourierDouble()
        self.outcomes: list[Outcome] = []
        self.has_failed = threading.Event()
        self.terminal = TerminalDouble(pki, "t-0001")
        signer = Signer("agent", self.registry.agent.kid, load_private(pki / "agent.sign.key.pem"))
        self.intake = Intake(
            self.store,
            self.registry,
            signer,
            self.courier,
            is_production=False,
            face=FacePolicy(),
            on_stored=self.outcomes.extend,
            on_failure=self.has_failed.set,
        )

    def offer(self, count: int) -> list[bytes]:
        """Tokens without an order: refused, but stored as every other, and quick to make."""
        tokens = [self.terminal.next_token(reason="card-expired") for _ in range(count)]
        start = len(self.courier.acknowledged) + len(self.intake)
        for mid, token in enumerate(tokens, start + 1):
            self.intake.offer(Message(1, mid, TOPIC, token))
        return tokens

    def fill_outbox(self, count: int) -> None:
        with self.store.transaction():
            for _ in range(count):
                enter(self.store, self.terminal.next_token(reason="card-expired"))

    def stored(self) -> set[bytes]:
        """By a connection of its own: what is committed, and nothing else."""
        with sqlite3.connect(self.database) as connection:
            return {row[0] for row in connection.execute("SELECT sha256 FROM evidence")}

    def close(self) -> None:
        self.intake.stop()
        self.store.close()


@pytest.fixture
def desk(pki: Path, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(pki, tmp_path)
    yield desk
    desk.close()


def sha256s(tokens: Sequence[bytes]) -> set[bytes]:
    return {envelope.parse(token).sha256 for token in tokens}


def test_everything_is_committed_before_it_is_acknowledged(desk: Desk) -> None:
    missing: list[bytes] = []

    def check(messages: Sequence[Message]) -> None:
        missing.extend(sha256s([message.payload for message in messages]) - desk.stored())

    desk.courier.check = check
    tokens = desk.offer(100)
    desk.intake.start()
    tokens += desk.offer(100)
    wait_until(lambda: len(desk.courier.acknowledged) == 200, "200 acknowledgements")
    assert missing == []
    assert desk.stored() == sha256s(tokens)


def test_acknowledgements_are_in_the_order_received(desk: Desk) -> None:
    desk.offer(700)
    desk.intake.start()
    wait_until(lambda: len(desk.courier.acknowledged) == 700, "700 acknowledgements")
    assert desk.courier.acknowledged == list(range(1, 701))


def answered(desk: Desk) -> list[bytes]:
    receipts = [read_receipt(receipt, desk.registry) for _, receipt in desk.courier.published]
    return [answer.token_sha256 for receipt in receipts for answer in receipt.answers]


def test_every_message_is_answered_once_in_order_after_it_is_acknowledged(desk: Desk) -> None:
    tokens = desk.offer(20)
    desk.intake.start()
    wait_until(lambda: len(answered(desk)) == 20, "20 answers")
    assert answered(desk) == [envelope.parse(token).sha256 for token in tokens]
    assert {topic for topic, _ in desk.courier.published} == {"rnr/v1/demo/t-0001/down/rcpt"}
    assert len(desk.courier.published) == 2, "they were there together: 16 and 4 to a receipt"


def test_full_store_acknowledges_nothing_says_so_and_goes_on_by_itself(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.store.limit(desk.store._used_pages() * desk.store._page_bytes)
    tokens = desk.offer(50)
    desk.intake.start()
    wait_until(lambda: desk.intake.trouble == "store-full", "the store to be full")
    tokens += desk.offer(50)
    assert desk.courier.acknowledged == [] and desk.courier.published == [] and desk.stored() == set()
    assert any(record.code == "store-full" for record in caplog.records if hasattr(record, "code"))
    desk.store.limit(64 * MIB)
    wait_until(lambda: len(desk.courier.acknowledged) == 100, "everything to be taken after all")
    assert desk.stored() == sha256s(tokens)
    assert desk.intake.trouble is None


def test_last_room_of_the_store_is_used(desk: Desk) -> None:
    with desk.store.transaction():
        desk.store._do("CREATE TABLE filler (content BLOB)")
        desk.store._do("INSERT INTO filler VALUES (zeroblob(200000))")
    desk.store.limit(desk.store._used_pages() * desk.store._page_bytes * 8 // 7 + 64 * 1024)
    tokens = desk.offer(300)
    desk.intake.start()
    wait_until(lambda: desk.intake.trouble, "the store to be full")
    taken = len(desk.courier.acknowledged)
    assert 10 < taken < 300
    assert desk.stored() == sha256s(tokens[:taken])
    desk.store.limit(64 * MIB)
    wait_until(lambda: len(desk.courier.acknowledged) == 300, "the rest")


def test_full_disk_acknowledges_nothing_and_says_so(pki: Path, tmp_path: Path) -> None:
    desk = Desk(pki, tmp_path, min_free_bytes=2**60)
    desk.offer(3)
    desk.intake.start()
    wait_until(lambda: desk.intake.trouble == "store-full", "the disk to count as full")
    assert desk.courier.acknowledged == []
    desk.close()


def test_store_at_its_size_gives_up_what_the_backend_has_and_goes_on(desk: Desk) -> None:
    desk.fill_outbox(400)
    delivered = desk.store.outbox(NOW, 400)
    desk.store.settle([BackendAnswer(row.evidence_id, b"receipt", Verdict.STORED, None) for row in delivered], NOW)
    desk.store.limit(desk.store._used_pages() * desk.store._page_bytes * 8 // 7)
    tokens = desk.offer(100)
    desk.intake.start()
    wait_until(lambda: len(desk.courier.acknowledged) == 100, "everything to be taken")
    assert sha256s(tokens) <= desk.stored()
    assert desk.store._value("SELECT count(*) FROM tokens") < 500


def test_full_disk_gives_up_nothing(pki: Path, tmp_path: Path) -> None:
    desk = Desk(pki, tmp_path, min_free_bytes=2**60)
    desk.fill_outbox(3)
    delivered = desk.store.outbox(NOW, 3)
    desk.store.settle([BackendAnswer(row.evidence_id, b"receipt", Verdict.STORED, None) for row in delivered], NOW)
    desk.offer(1)
    desk.intake.start()
    wait_until(lambda: desk.intake.trouble, "the disk to count as full")
    desk.close()
    with sqlite3.connect(desk.database) as connection:
        assert connection.execute("SELECT count(*) FROM tokens").fetchone() == (3,)


def test_stopping_while_full_leaves_everything_unacknowledged(desk: Desk) -> None:
    desk.store.limit(desk.store._used_pages() * desk.store._page_bytes)
    desk.offer(5)
    desk.intake.start()
    wait_until(lambda: desk.intake.trouble, "the store to be full")
    desk.intake.stop()
    assert desk.courier.acknowledged == []


def test_full_queue_has_no_room_until_the_writer_has_taken_some(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "QUEUE_ITEMS", 10)
    desk.offer(10)
    assert not desk.intake.has_room()
    desk.intake.start()
    wait_until(lambda: desk.intake.has_room() and desk.courier.wakes, "room, and the link being told")


def test_queue_is_bounded_in_bytes_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "QUEUE_BYTES", 100_000)
    desk.intake.offer(Message(1, 1, TOPIC, bytes(60_000)))
    assert desk.intake.has_room()
    desk.intake.offer(Message(1, 2, TOPIC, bytes(60_000)))
    assert not desk.intake.has_room()
    desk.intake.start()
    wait_until(desk.intake.has_room, "room")


def test_failing_writer_is_noticed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(desk.store, "is_duplicate", fail)
    desk.offer(1)
    desk.intake.start()
    assert desk.has_failed.wait(10)
    assert desk.courier.acknowledged == []
