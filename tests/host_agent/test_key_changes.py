"""A new key on its way through the agent: asked for, stated, taken over by the operator, told to the terminal, used."""

import hashlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_agent import cbor, envelope, ingest, key_messages
from host_agent.history import Status
from host_agent.ingest import Outcome
from host_agent.key_changes import LAPSED_S, KeyChanges, Stage
from host_agent.orders import OrderRefused
from host_agent.rotation import OVERLAP_MAX_S
from tests.host_agent.custody_bench import CustodyBench
from tests.host_agent.terminal_double import TerminalDouble
from tests.host_agent.test_history import Office
from tools.pki import authority, rotation

DEVICE = "t-0001"
TOPIC = f"rnr/v1/demo/{DEVICE}/up/key"
OVERLAP_S = 600


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "pki"
    authority.create(folder, [DEVICE, "t-0002"])
    return folder


class Bench(CustodyBench):
    def __init__(self, pki: Path, folder: Path) -> None:
        super().__init__(pki, folder)
        self.office = Office(pki, folder)
        self.sent: list[tuple[str, bytes]] = []
        self.changes = KeyChanges(self.store, self.registry, self.signer, self._publish)

    def _publish(self, topic: str, message: bytes) -> None:
        self.sent.append((topic, message))

    def round(self) -> list[dict[int, object]]:
        """What goes out now, as claims that the agent has signed."""
        self.sent.clear()
        self.changes._send_all()
        assert all(topic == f"rnr/v1/demo/{DEVICE}/down/key" for topic, _ in self.sent)
        for _, message in self.sent:
            envelope.verify(envelope.parse(message), self.registry.agent.public_key)
        return [cbor.decode(envelope.parse(message).payload) for _, message in self.sent]

    def stage(self) -> Stage:
        return self.changes.look(DEVICE)[1]

    def state(self, overlap_s: int = OVERLAP_S) -> bytes:
        """The terminal's statement; it has the new key as soon as it is made."""
        return rotation.rotate(self.pki, DEVICE, overlap_s=overlap_s)

    def key_comes(self, statement: bytes, topic: str = TOPIC) -> Outcome:
        examined = ingest.examine(topic, statement, self.registry)
        with self.store.transaction():
            return ingest.settle(self.store, examined, is_production=False, face=self.face, now=int(time.time()))

    def take_over(self, statement: bytes) -> None:
        file = self.folder / "statement"
        file.write_bytes(statement)
        answer = self.office.device("rotate", DEVICE, "--statement", str(file), "--reason", "yearly")
        assert answer["what"] == "new key"
        assert self.registry.refresh()

    def end_at(self, ends: int) -> None:
        with sqlite3.connect(self.folder / "agent.db") as connection:
            connection.execute("UPDATE key_changes SET ends = ?, exp = ?", (ends, ends))


@pytest.fixture
def bench(made: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(Path(shutil.copytree(made, tmp_path / "pki")), tmp_path)
    yield bench
    bench.close()


def test_from_the_request_to_the_first_record_of_the_new_key(bench: Bench) -> None:
    bench.complete()
    old_kid = bench.terminal.signer.kid
    change, stage = bench.changes.ask(DEVICE, 0, OVERLAP_S)
    assert stage is Stage.ASKED
    [request] = bench.round()
    assert request[key_messages.REPLACES] == old_kid
    assert request[key_messages.EXP] == request[key_messages.ENDS] == change.exp

    statement = bench.state()
    assert bench.key_comes(statement).code is None
    assert bench.key_comes(statement).verdict.name == "DUPLICATE"
    assert bench.stage() is Stage.STATED
    assert bench.round() == [], "it is the operator's turn"

    bench.take_over(statement)
    assert bench.stage() is Stage.ACCEPTED
    [acceptance] = bench.round()
    assert acceptance[key_messages.SHA256] == hashlib.sha256(statement).digest()
    bench.complete()  # still with the old key
    assert len(bench.round()) == 1, "again, until the new key is in use"

    bench.terminal = TerminalDouble(bench.pki, DEVICE)
    bench.complete()
    assert bench.stage() is Stage.USED
    assert bench.round() == []
    assert bench.changes.ask(DEVICE, 0, OVERLAP_S)[0].kid == bench.terminal.signer.kid


def test_statement_that_nobody_asked_for_is_not_shown_to_the_operator(bench: Bench) -> None:
    assert bench.key_comes(bench.state()).code == "rotation-unasked"
    with pytest.raises(OrderRefused) as refused:
        bench.changes.look(DEVICE)
    assert refused.value.code == "rotation-unasked"


def test_statements_that_are_refused(bench: Bench) -> None:
    bench.changes.ask(DEVICE, 0, OVERLAP_S)
    new = ec.generate_private_key(ec.SECP256R1())
    ours, others = bench.terminal.ueid, TerminalDouble(bench.pki, "t-0002")
    key = ec.derive_private_key(
        int.from_bytes((bench.pki / "devices" / DEVICE / "attest.key").read_bytes(), "big"), ec.SECP256R1()
    )
    sound = rotation.sign(key, new, ours, OVERLAP_S)
    assert bench.key_comes(sound, TOPIC.replace(DEVICE, "t-0002")).code == "device-mismatch"
    assert bench.key_comes(rotation.sign(key, new, others.ueid, OVERLAP_S)).code == "device-mismatch"
    assert bench.key_comes(rotation.sign(key, new, ours, 0)).code == "rotation-lapsed"
    assert bench.key_comes(rotation.sign(new, key, ours, OVERLAP_S)).code == "key-unknown"
    assert bench.key_comes(bench.token()).code == "profile-unknown"
    device = bench.registry.device(DEVICE)
    assert device is not None
    bench.registry.add(replace(device, status=Status.SUSPENDED))
    assert bench.key_comes(sound).code == "device-suspended"
    bench.registry.add(device)
    assert bench.key_comes(sound).code is None


def test_one_rotation_at_a_time(bench: Bench) -> None:
    def refused() -> str:
        with pytest.raises(OrderRefused) as caught:
            bench.changes.ask(DEVICE, 0, OVERLAP_S)
        return caught.value.code

    bench.changes.ask(DEVICE, 0, OVERLAP_S)
    bench.changes.ask(DEVICE, 0, OVERLAP_S)  # nobody has answered the first yet
    statement = bench.state()
    bench.key_comes(statement)
    assert refused() == "rotation-pending"
    now = int(time.time())
    bench.end_at(now - 1)
    assert bench.stage() is Stage.LAPSED
    assert refused() == "rotation-pending", "an acceptance may have come at the last moment"
    bench.end_at(now - LAPSED_S - 1)
    bench.changes.ask(DEVICE, 0, OVERLAP_S)
    bench.key_comes(statement)
    bench.take_over(statement)
    bench.end_at(now - 1000)
    assert refused() == "rotation-pending", "the terminal has to come to it"


def test_request_runs_out_and_is_not_sent_any_more(bench: Bench) -> None:
    bench.changes.ask(DEVICE, 0, OVERLAP_S)
    bench.end_at(int(time.time()) - 1)
    assert bench.stage() is Stage.EXPIRED
    assert bench.round() == []


def test_requests_that_are_not_made(bench: Bench) -> None:
    for device, delay_s, overlap_s, code in (
        ("t-9999", 0, OVERLAP_S, "device-unknown"),
        (DEVICE, -1, OVERLAP_S, "request-malformed"),
        (DEVICE, 0, 0, "request-malformed"),
        (DEVICE, 0, OVERLAP_MAX_S + 1, "request-malformed"),
    ):
        with pytest.raises(OrderRefused) as refused:
            bench.changes.ask(device, delay_s, overlap_s)
        assert refused.value.code == code
    bench.office.change("suspend")
    bench.registry.refresh()
    with pytest.raises(OrderRefused) as refused:
        bench.changes.ask(DEVICE, 0, OVERLAP_S)
    assert refused.value.code == "device-suspended"


def test_word_to_the_terminal_waits_until_the_new_key_is_valid(bench: Bench) -> None:
    bench.changes.ask(DEVICE, 0, OVERLAP_S)
    statement = bench.state()
    bench.key_comes(statement)
    bench.take_over(statement)
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        connection.execute("UPDATE key_changes SET begins = ?", (int(time.time()) + 100,))
    assert bench.round() == []


def test_operator_cannot_take_over_a_statement_that_has_lapsed(bench: Bench) -> None:
    file = bench.folder / "statement"
    statement = bench.state(overlap_s=0)
    file.write_bytes(statement)
    assert bench.office.device("rotate", DEVICE, "--statement", str(file), "--reason", "late") == {
        "error": "rotation-lapsed"
    }
