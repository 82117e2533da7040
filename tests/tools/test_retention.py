"""The end of identity data: unreadable at rest without a key, gone for good when destroyed, the chain still whole."""

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from host_agent import attestation, envelope, keys, sealed
from host_agent.errors import ShimingError, TokenRefused
from host_agent.registry import Registry
from tests.host_agent.custody_bench import CustodyBench
from tests.host_agent.rig import Rig
from tests.host_agent.terminal_double import MSISDN, TerminalDouble, citizen_number, identity
from tools.backend import deletion, retention
from tools.backend.appraisal import Rejected, appraise
from tools.backend.cli import app
from tools.backend.retention import RetentionFile, RetentionKeyMissing
from tools.backend.seal_keys import SealKeys
from tools.backend.store import Books
from tools.pki import authority

PERSON = identity()
SECRETS = [PERSON[1].encode(), PERSON[5].encode(), PERSON[7].encode(), citizen_number().encode(), MSISDN.encode()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "pki"
    authority.create(folder, ["t-0001"])
    return folder


class Office:
    """A backend with its books and keys, and the commands of whoever decides about the end of data."""

    def __init__(self, pki: Path, folder: Path) -> None:
        self.pki = pki
        self.folder = folder
        (pki / authority.EARLIER_SEAL_KEYS).mkdir()
        self.config = Rig(pki, folder).write_backend_config()
        with self.config.open("a") as file:
            file.write(f'earlier_seal_keys = "{pki / authority.EARLIER_SEAL_KEYS}"\n')
        self.bench = CustodyBench(pki, folder)
        self.take_keys()

    @property
    def books(self) -> Books:
        return self.bench.books

    def take_keys(self) -> None:
        present = keys.load_private(self.pki / "backend.seal.key.pem")
        seal_keys = SealKeys(present, self.pki / authority.EARLIER_SEAL_KEYS)
        self.bench.trust = replace(self.bench.trust, seal_keys=seal_keys)

    def new_period(self) -> str:
        """The key id of the seal key whose period is over. The terminal is provisioned again."""
        before = Registry.load(self.pki / "registry.json").backend.seal.kid.hex()
        authority.renew_seal_key(self.pki)
        self.take_keys()
        old = self.bench.terminal
        self.bench.terminal = TerminalDouble(self.pki, "t-0001")
        self.bench.terminal.seq, self.bench.terminal.prev = old.seq, old.prev
        return before

    def run(self, *arguments: str) -> dict[str, Any]:
        reason = () if arguments[0] == "chain" else ("--reason", "retention over", "--by", "li")
        result = CliRunner().invoke(app, [*arguments, *reason, "--config", str(self.config), "--json"])
        if isinstance(result.exception, ShimingError):
            return {"error": result.exception.code}
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def office(made: Path, tmp_path: Path) -> Iterator[Office]:
    office = Office(Path(shutil.copytree(made, tmp_path / "pki")), tmp_path)
    yield office
    office.bench.close()


def content_of(folder: Path, name: str) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{name}*")))


# --- at rest


def test_books_hold_no_identity_data_in_clear(office: Office):
    cti, _ = office.bench.complete()
    content = office.books.identity(bytes.fromhex(cti))
    assert content is not None and content["name"] == PERSON[1] and content["msisdn"] == MSISDN
    at_rest = content_of(office.folder, "backend.db")
    assert len(at_rest) > 10_000
    assert [secret for secret in SECRETS if secret in at_rest] == []


def test_books_of_version_1_are_encrypted_and_what_was_in_clear_is_wiped(tmp_path: Path):
    source = (Path(__file__).parents[1] / "upgrade" / "backend-1.sql").read_text(encoding="utf-8")
    with sqlite3.connect(tmp_path / "backend.db") as connection:
        connection.executescript(source)
        # Somebody has deleted rows by hand, and version 1 did not wipe what it freed.
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE copies AS SELECT i.* FROM identities i, sqlite_schema, sqlite_schema")
        connection.commit()
        connection.execute("DROP TABLE copies")
    assert PERSON[1].encode() in content_of(tmp_path, "backend.db"), "as version 1 left it"
    books = Books(tmp_path / "backend.db")
    content = books.identity(bytes.fromhex("3E74D3524CC6337DBC89C51CE66BAC02"))
    assert content is not None
    assert (content["name"], content["number"], content["msisdn"]) == (PERSON[1], citizen_number(), MSISDN)
    assert (content["additional_addresses"], content["photo"], content["doubts"]) == (["测试新址"], bytes(1024), [])
    assert books.counts()["registrations"] == 1
    assert [secret for secret in SECRETS if secret in content_of(tmp_path, "backend.db")] == []
    books.close()


def test_books_without_their_retention_key_are_refused(office: Office):
    office.bench.complete()
    office.books.close()
    key = office.folder / "backend.retention.key"
    assert key.stat().st_mode & 0o777 == 0o600
    for content in (b"", bytes(64)):
        key.write_bytes(content)
        with pytest.raises(RetentionKeyMissing):
            Books(office.folder / "backend.db")


# --- destroyed


def test_data_cannot_count_as_destroyed_while_the_seal_key_of_the_token_exists(office: Office):
    cti, _ = office.bench.complete()
    assert office.run("shred", cti) == {"error": "seal-key-alive"}
    kid = office.new_period()
    assert office.run("shred", cti) == {"error": "seal-key-alive"}, "an earlier key opens it as well"
    assert office.books.identity(bytes.fromhex(cti)) is not None
    assert office.books.deletion(bytes.fromhex(cti)) is None
    office.run("destroy-seal-key", kid)
    assert office.run("shred", cti) == {"destroyed": 1, "records": 1}


def test_destroyed_identity_is_gone_the_others_are_not_and_the_chain_is_whole(office: Office):
    first, token = office.bench.complete()
    second, _ = office.bench.complete()
    kid = office.new_period()
    third, _ = office.bench.complete()
    office.run("destroy-seal-key", kid)
    assert office.run("shred", first)["destroyed"] == 1
    read = {cti: office.books.identity(bytes.fromhex(cti)) for cti in (first, second, third)}
    assert read[first] is None and read[second] is not None and read[third] is not None
    with sqlite3.connect(office.folder / "backend.db") as connection:
        tags = dict(connection.execute("SELECT hex(cti), msisdn_tag FROM registrations").fetchall())
    assert [cti for cti, tag in tags.items() if tag is None] == [first.upper()]
    for report in (office.run("chain", "t-0001"), office.bench.chain()[1]):
        assert report["is_whole"]
        assert (report["keys"][0]["tokens"], report["keys"][0]["signatures_checked"]) == (3, 3)
    assert office.bench.custody(first)[0] == 0, "the token is as it was signed, and so are the receipts"
    assert envelope.parse(token).sha256.hex() == office.bench.custody(first)[1]["links"][0]["sha256"]
    counts = office.books.counts()
    assert (counts["evidence"], counts["registrations"], counts["gaps"]) == (3, 3, 0)


def test_deletion_record_says_who_destroyed_what_when_and_why_and_is_signed(office: Office):
    cti, token = office.bench.complete()
    kid = office.new_period()
    office.run("destroy-seal-key", kid)
    before = int(time.time())
    office.run("shred", cti)
    record = office.books.deletion(bytes.fromhex(cti))
    assert record is not None
    sign = office.bench.registry.backend.sign
    said = deletion.read_deletion(record, sign.kid, sign.public_key)
    assert (said.issuer, said.decision.who, said.decision.why) == ("backend", "li", "retention over")
    assert (said.cti.hex(), said.token_sha256, said.seal_kid.hex()) == (cti, envelope.parse(token).sha256, kid)
    assert before <= said.decision.at <= time.time()
    with pytest.raises(TokenRefused):
        deletion.read_deletion(record[:-1] + bytes([record[-1] ^ 1]), sign.kid, sign.public_key)
    assert office.run("shred", cti)["destroyed"] == 0
    assert office.books.deletion(bytes.fromhex(cti)) == record, "the first one stays"


def test_token_cannot_be_opened_with_any_key_that_is_left(office: Office):
    cti, token = office.bench.complete()
    evidence = attestation.parse_evidence(envelope.parse(token).payload)
    left_before = list(office.pki.rglob("*.pem"))
    assert opened_by(evidence, left_before) == 1
    kid = office.new_period()
    assert opened_by(evidence, list(office.pki.rglob("*.pem"))) == 1
    office.run("destroy-seal-key", kid)
    office.run("shred", cti)
    left = list(office.pki.rglob("*.pem"))
    assert len(left) == len(left_before) and opened_by(evidence, left) == 0


def opened_by(evidence: attestation.Evidence, paths: list[Path]) -> int:
    count = 0
    for path in paths:
        if b"PRIVATE KEY" in path.read_bytes():
            try:
                sealed.open_identity(evidence, keys.load_private(path))
                count += 1
            except TokenRefused as refused:
                assert refused.code == "seal-invalid"
    return count


def test_backup_of_the_books_does_not_bring_a_destroyed_record_back(office: Office, tmp_path: Path):
    cti, _ = office.bench.complete()
    kid = office.new_period()
    backup = tmp_path / "backup"
    backup.mkdir()
    with sqlite3.connect(tmp_path / "backend.db") as source, sqlite3.connect(backup / "backend.db") as target:
        source.backup(target)
    old_key = (tmp_path / "backend.retention.key").read_bytes()
    office.run("destroy-seal-key", kid)
    office.run("shred", cti)
    shutil.copy(tmp_path / "backend.retention.key", backup / "backend.retention.key")
    with pytest.raises(RetentionKeyMissing):
        Books(backup / "backend.db")
    (backup / "backend.retention.key").write_bytes(old_key)
    books = Books(backup / "backend.db")
    assert books.identity(bytes.fromhex(cti)) is not None, "why the retention key must be in no backup"
    books.close()


def test_record_sealed_to_a_destroyed_key_comes_too_late(office: Office):
    late = office.bench.token()
    kid = office.new_period()
    seal_keys = office.bench.trust.seal_keys
    assert not isinstance(appraise(late, int(time.time()), office.bench.trust), Rejected), "in time"
    office.run("destroy-seal-key", kid)
    assert seal_keys.refresh() is True, "a running backend forgets it"
    rejected = appraise(late, int(time.time()), office.bench.trust)
    assert isinstance(rejected, Rejected) and rejected.code == "seal-invalid"


def test_present_seal_key_and_unknown_ones_are_not_destroyed(office: Office):
    present = Registry.load(office.pki / "registry.json").backend.seal.kid.hex()
    assert office.run("destroy-seal-key", present) == {"error": "seal-key-alive"}
    for kid in ("00" * 8, "xyz"):
        assert office.run("destroy-seal-key", kid) == {"error": "key-unknown"}
    assert office.run("shred", "00" * 16) == {"error": "attestation-unknown"}
    assert office.run("shred", "xyz") == {"error": "config-invalid"}


# --- cut short


def prepared(office: Office) -> tuple[str, str]:
    """Two registrations, the first ready to be destroyed."""
    first, _ = office.bench.complete()
    second, _ = office.bench.complete()
    office.run("destroy-seal-key", office.new_period())
    return first, second


def test_destruction_cut_short_before_the_commit_has_not_happened(office: Office):
    first, second = prepared(office)
    with pytest.raises(sqlite3.Error):
        office.books.shred({bytes.fromhex(first): object()})  # type: ignore[dict-item]
    assert (office.folder / "backend.retention.key.new").exists()
    for books in (office.books, Books(office.folder / "backend.db")):
        assert books.identity(bytes.fromhex(first)) is not None and books.identity(bytes.fromhex(second)) is not None
        books.close()


def test_destruction_cut_short_after_the_commit_is_completed_by_the_next_start(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    first, second = prepared(office)
    old_key = (office.folder / "backend.retention.key").read_bytes()

    class Killed(BaseException):
        pass

    def killed(_path: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(retention, "destroy", killed)
        with pytest.raises(Killed):
            office.books.shred({bytes.fromhex(first): b"record"})
    assert (office.folder / "backend.retention.key").read_bytes() == old_key
    books = Books(office.folder / "backend.db")
    assert books.identity(bytes.fromhex(first)) is None and books.identity(bytes.fromhex(second)) is not None
    books.close()
    assert old_key not in content_of(office.folder, "backend.retention.key")


def test_running_backend_goes_on_with_the_new_key(office: Office):
    first, second = prepared(office)
    office.run("shred", first)  # by a process of its own; office.books has the old key in mind
    third, _ = office.bench.complete()
    assert office.books.identity(bytes.fromhex(second)) is not None
    assert office.books.identity(bytes.fromhex(third)) is not None


def load_together(path: Path, key_id: bytes, count: int) -> list[bytes]:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(RetentionFile(path).load(key_id).id)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_processes_that_complete_a_change_together_lose_no_key(tmp_path: Path):
    for number in range(20):
        path = tmp_path / f"{number}.retention.key"
        successor = RetentionFile(path).prepare(RetentionFile(path).create())
        assert load_together(path, successor.id, 4) == [successor.id] * 4
        assert RetentionFile(path).load(successor.id).wrapping == successor.wrapping
