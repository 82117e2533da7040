"""The history of the device registry: states, keys, who did it; and that it can be added to and not changed."""

import base64
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from host_agent import cbor, device_cli, envelope, history, keys, rotation
from host_agent.attestation import Verdict
from host_agent.device_cli import Desk
from host_agent.errors import ShimingError, TokenRefused
from host_agent.history import NEXT, Change, Head, HistoryInvalid, HistoryTruncated, Status
from host_agent.registry import HISTORY_NAME, Key, Registry, state_code
from tests.host_agent.custody_bench import CustodyBench, codes
from tests.host_agent.rig import Rig
from tests.host_agent.terminal_double import TerminalDouble
from tools.backend.appraisal import appraise
from tools.cli import app
from tools.pki import authority
from tools.pki import rotation as pki_rotation


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "pki"
    authority.create(folder, ["t-0001", "t-0002"])
    return folder


@pytest.fixture
def pki(made: Path, tmp_path: Path) -> Path:
    """An authority of the test's own: it is changed."""
    return Path(shutil.copytree(made, tmp_path / "pki"))


class Office:
    """Who changes the registry, by the commands."""

    def __init__(self, pki: Path, folder: Path) -> None:
        self.pki = pki
        self.config = Rig(pki, folder).write_config()
        self.path = pki / HISTORY_NAME

    def device(self, *arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, ["agent", "device", *arguments, "--config", str(self.config), "--json"])
        if isinstance(result.exception, ShimingError):
            return {"error": result.exception.code}
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def change(self, name: str, device: str = "t-0001") -> dict[str, Any]:
        return self.device(name, device, "--reason", "test", "--by", "officer")

    def status(self, device: str = "t-0001") -> Status:
        found = Registry.load(self.pki / "registry.json").device(device)
        assert found is not None
        return found.status

    def lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def office(pki: Path, tmp_path: Path) -> Office:
    return Office(pki, tmp_path)


# --- states


def test_suspending_and_resuming_is_told_with_who_when_and_why(office: Office):
    before = int(time.time())
    assert office.device("suspend", "t-0001", "--reason", "stolen?", "--by", "li")["what"] == "suspended"
    assert office.status() is Status.SUSPENDED and office.status("t-0002") is Status.ACTIVE
    office.device("resume", "t-0001", "--reason", "found", "--by", "wang")
    assert office.status() is Status.ACTIVE
    told = office.device("show", "t-0001")
    assert told["status"] == "active"
    assert [(one["what"], one["by"], one["why"], one["signed_by"]) for one in told["history"]] == [
        ("suspended", "li", "stolen?", "agent"),
        ("active", "wang", "found", "agent"),
    ]
    assert all(before <= one["at"] <= time.time() for one in told["history"])
    assert office.device("show", "t-0002")["history"] == []
    assert office.device("history")["length"] == 2


def test_list_shows_every_terminal_with_its_state(office: Office):
    office.change("revoke", "t-0002")
    assert [(one["id"], one["status"]) for one in office.device("list")["devices"]] == [
        ("t-0001", "active"),
        ("t-0002", "revoked"),
    ]
    result = CliRunner().invoke(app, ["agent", "device", "list", "--config", str(office.config)])
    assert "t-0002" in result.stdout and "revoked" in result.stdout


@pytest.mark.parametrize("start", list(Status))
def test_every_step_between_states_is_taken_or_refused_as_the_table_says(office: Office, start: Status):
    document = json.loads((office.pki / "registry.json").read_text())
    names = {
        "activate": Status.ACTIVE, "suspend": Status.SUSPENDED, "resume": Status.ACTIVE,
        "revoke": Status.REVOKED, "retire": Status.RETIRED,
    }  # fmt: skip
    only_from = {"activate": Status.REGISTERED, "resume": Status.SUSPENDED}
    for name, state in names.items():
        document["devices"][0]["status"] = str(start)
        (office.pki / "registry.json").write_text(json.dumps(document))
        office.path.unlink(missing_ok=True)
        answer = office.change(name)
        if state in NEXT[start] and only_from.get(name, start) is start:
            assert office.status() is state, name
        else:
            assert answer == {"error": "device-state-invalid"} and office.status() is start, name


def test_revoked_is_for_good():
    assert NEXT[Status.REVOKED] == frozenset()
    assert [status for status in Status if state_code(status) is None] == [Status.ACTIVE]


def test_unknown_terminal_is_refused(office: Office):
    assert office.change("suspend", "t-9999") == {"error": "device-unknown"}
    assert not office.path.exists() or office.path.read_bytes() == b""


@pytest.mark.parametrize("length", [0, 257])
def test_change_needs_a_reason_of_a_decent_length(office: Office, length: int):
    answer = office.device("suspend", "t-0001", "--reason", "x" * length, "--by", "li")
    assert answer == {"error": "claims-malformed"}
    assert office.status() is Status.ACTIVE


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("registered", "device-inactive"),
        ("suspended", "device-suspended"),
        ("revoked", "device-revoked"),
        ("retired", "device-retired"),
    ],
)
def test_evidence_of_a_terminal_that_is_not_active_is_refused_by_agent_and_backend(
    pki: Path, tmp_path: Path, state: str, code: str
):
    document = json.loads((pki / "registry.json").read_text())
    document["devices"][0]["status"] = state
    (pki / "registry.json").write_text(json.dumps(document))
    bench = CustodyBench(pki, tmp_path)
    token = bench.token()
    assert bench.take(token).code == code
    assert bench.custody(bench.store._value("SELECT lower(hex(cti)) FROM evidence"))[0] == 0, "kept, with its receipt"
    entry = bench.books.enter(
        [backend_view(bench, token)], int(time.time()), bench.backend_signer.receipt
    )[0]  # fmt: skip
    assert (entry.verdict, entry.code) == (Verdict.REFUSED, code)
    bench.close()


def backend_view(bench: CustodyBench, token: bytes) -> Any:
    return appraise(token, int(time.time()), bench.trust)


# --- the file


@pytest.fixture
def written(office: Office) -> Office:
    for name in ("suspend", "resume", "suspend", "resume"):
        office.change(name)
    return office


def load(office: Office, known: Head | None = None) -> Registry:
    return Registry.load(office.pki / "registry.json", known)


def test_record_left_out_exchanged_repeated_or_altered_is_found(written: Office):
    one, two, three, four = written.lines()
    altered = bytearray(base64.b64decode(two))
    altered[-1] ^= 1
    for lines in (
        [two, three, four],
        [one, three, four],
        [one, three, two, four],
        [one, two, two, three, four],
        [one, base64.b64encode(altered) + b"\n", three, four],
        [one, b"*not base64*\n", three, four],
        [one, b"\n", two, three, four],
    ):
        written.path.write_bytes(b"".join(lines))
        with pytest.raises(HistoryInvalid):
            load(written)


def test_records_of_different_terminals_keep_their_order(office: Office):
    """Each would be allowed by itself: only the hash of the one before tells."""
    for name in ("t-0001", "t-0002"):
        office.change("suspend", name)
    office.change("revoke", "t-0001")
    one, two, three = office.lines()
    for lines in ([two, one, three], [one, three], [one, three, two], [two, three], [one, two, three, three]):
        office.path.write_bytes(b"".join(lines))
        with pytest.raises(HistoryInvalid, match="does not follow the record before it"):
            load(office)


def test_shorter_history_is_found_by_whoever_has_read_it_before(written: Office):
    known = load(written).head
    assert known.length == 4
    lines = written.lines()
    written.path.write_bytes(b"".join(lines[:3]))
    assert load(written).head.length == 3, "by itself a shorter one is sound"
    with pytest.raises(HistoryTruncated):
        load(written, known)
    written.change("revoke")
    assert load(written).head.length == 4
    with pytest.raises(HistoryTruncated):  # of the right length again, and another
        load(written, known)
    written.path.unlink()
    with pytest.raises(HistoryTruncated):
        load(written, known)


def test_record_signed_by_somebody_else_is_found(written: Office):
    terminal = TerminalDouble(written.pki, "t-0002")
    key = ec.derive_private_key(
        int.from_bytes((written.pki / "devices" / "t-0002" / "attest.key").read_bytes(), "big"), ec.SECP256R1()
    )
    registry = load(written)
    change = Change(1, "t-0001", Status.REVOKED, None, "mallory", "revenge")
    for signer, kid in ((key, terminal.signer.kid), (key, registry.agent.kid)):
        lines = written.path.read_bytes()
        payload = history._build(change, registry.head, "agent")
        written.path.write_bytes(lines + base64.b64encode(envelope.sign(payload, kid, signer)) + b"\n")
        with pytest.raises(HistoryInvalid, match="record 5"):
            load(written)
        written.path.write_bytes(lines)


def test_record_of_another_registrys_history_does_not_fit(written: Office, tmp_path: Path):
    authority.create(tmp_path / "other", ["t-0001"])
    other = Office(tmp_path / "other", tmp_path / "other")
    other.change("revoke")
    written.path.write_bytes(written.path.read_bytes() + other.path.read_bytes())
    with pytest.raises(HistoryInvalid):
        load(written)


def test_record_that_was_being_written_is_no_record_and_gives_way(written: Office):
    whole = written.path.read_bytes()
    for cut in (1, 40, len(written.lines()[-1]) - 1):
        written.path.write_bytes(whole + whole.splitlines(keepends=True)[-1][:cut])
        assert load(written).head.length == 4
    assert written.change("suspend")["what"] == "suspended"
    assert load(written).head.length == 5 and written.path.read_bytes().startswith(whole)


def test_changes_at_the_same_time_follow_one_another(office: Office):
    desk = Desk(
        office.pki / "registry.json",
        office.pki / "agent.sign.key.pem",
        lambda registry: (registry.agent.id, Key(registry.agent.kid, registry.agent.public_key)),
    )
    done: list[str] = []

    def work(state: Status) -> None:
        for _ in range(10):
            try:
                desk.change("t-0001", lambda found: Change(1, found.id, state, None, "a", "b"))
                done.append(state)
            except TokenRefused as refused:
                assert refused.code == "device-state-invalid"

    threads = [threading.Thread(target=work, args=(state,)) for state in (Status.SUSPENDED, Status.ACTIVE) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert load(office).head.length == len(done) > 0


def test_backend_may_write_the_history_too_and_both_are_named(office: Office, tmp_path: Path):
    Rig(office.pki, tmp_path).write_backend_config()
    office.change("suspend")
    result = CliRunner().invoke(
        app,
        [
            "backend",
            "device",
            "resume",
            "t-0001",
            "--reason",
            "r",
            "--config",
            str(tmp_path / "backend.toml"),
            "--json",
        ],
    )
    assert result.exit_code == 0, result.output
    assert [one["signed_by"] for one in office.device("history")["history"]] == ["agent", "backend"]


def test_refresh_takes_over_what_is_sound_and_keeps_what_was_in_force_otherwise(office: Office):
    registry = load(office)
    assert registry.refresh() is False
    office.change("suspend")
    assert registry.refresh() is True and registry.refresh() is False
    sound = office.path.read_bytes()
    office.path.write_bytes(b"rubbish\n")
    with pytest.raises(HistoryInvalid):
        registry.refresh()
    device = registry.device("t-0001")
    assert device is not None and device.status is Status.SUSPENDED
    office.path.unlink()
    with pytest.raises(HistoryTruncated):
        registry.refresh()
    office.path.write_bytes(sound)
    registry.refresh()
    assert registry.head.length == 1


# --- keys


@pytest.fixture
def bench(pki: Path, tmp_path: Path) -> Iterator[CustodyBench]:
    bench = CustodyBench(pki, tmp_path)
    yield bench
    bench.close()


def rotate(office: Office, folder: Path, **options: Any) -> dict[str, Any]:
    statement = folder / "t-0001.rotation"
    statement.write_bytes(pki_rotation.rotate(office.pki, "t-0001", **({"overlap_s": 600} | options)))
    return office.device("rotate", "t-0001", "--statement", str(statement), "--reason", "yearly", "--by", "li")


def test_new_key_signs_and_both_do_while_they_overlap_each_with_a_chain_of_its_own(
    office: Office, bench: CustodyBench, tmp_path: Path
):
    bench.complete()
    _, last = bench.complete()
    old = bench.terminal
    answer = rotate(office, tmp_path, old_seq=2, old_last=envelope.parse(last).sha256)
    assert answer["what"] == "new key"
    assert bench.registry.refresh()
    bench.terminal = TerminalDouble(office.pki, "t-0001")
    cti, _ = bench.complete()
    bench.terminal = old
    bench.complete()
    status, report = bench.chain()
    assert status == 0
    assert [(key["first"], key["last"], key["tokens"]) for key in report["keys"]] == [(1, 3, 3), (1, 1, 1)]
    assert bench.custody(cti)[0] == 0
    assert len(office.device("show", "t-0001")["keys"]) == 2


def test_old_chain_that_ends_before_its_statement_says_has_a_gap(office: Office, bench: CustodyBench, tmp_path: Path):
    bench.complete()
    lost = bench.token()
    rotate(office, tmp_path, old_seq=2, old_last=envelope.parse(lost).sha256)
    bench.registry.refresh()
    old_kid = bench.terminal.signer.kid.hex()
    status, report = bench.chain("--key", old_kid)
    assert status == 1
    assert [(one["code"], one["first"], one["last"]) for one in report["keys"][0]["findings"]] == [("chain-gap", 2, 2)]


def test_bundle_of_a_later_key_verifies_with_the_keys_from_before_the_rotation(
    office: Office, bench: CustodyBench, tmp_path: Path
):
    before = tmp_path / "before" / "registry.json"
    before.parent.mkdir()
    shutil.copy(office.pki / "registry.json", before)  # without the history
    rotate(office, tmp_path)
    office.change("suspend")
    office.change("resume")
    bench.registry.refresh()
    bench.terminal = TerminalDouble(office.pki, "t-0001")
    cti, _ = bench.complete()
    file = tmp_path / "a.custody"
    assert bench.audit("export", cti, "--config", str(bench.config), "--output", str(file))[0] == 0
    status, answer = bench.audit("verify", str(file), "--keys", str(before))
    assert status == 0, answer
    other = tmp_path / "other"
    authority.create(other, ["t-0001"])
    assert set(codes(bench.audit("verify", str(file), "--keys", str(other / "registry.json"))[1])) >= {"evidence"}


def test_old_key_ends_and_cannot_answer_a_newer_order(office: Office, bench: CustodyBench, tmp_path: Path):
    rotate(office, tmp_path)
    bench.registry.refresh()
    device = bench.registry.device("t-0001")
    assert device is not None
    ended = replace(device.keys[0], valid_to=int(time.time()) - 1000)
    bench.registry.add(replace(device, keys=(ended, *device.keys[1:])))
    token = bench.token()  # the double still has the old key
    assert bench.take(token).code == "key-not-valid"
    assert backend_view(bench, token).code == "key-not-valid"


class Statement:
    """A sound statement for t-0001, to be spoilt."""

    def __init__(self, pki: Path) -> None:
        self.pki = pki
        self.old = self.private("t-0001")
        self.new = ec.generate_private_key(ec.SECP256R1())
        self.ueid = TerminalDouble(pki, "t-0001").ueid

    def private(self, device: str) -> ec.EllipticCurvePrivateKey:
        scalar = (self.pki / "devices" / device / "attest.key").read_bytes()
        return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())

    def sign(self, **changes: Any) -> bytes:
        values = {"old": self.old, "new": self.new, "ueid": self.ueid, "overlap_s": 600} | changes
        return pki_rotation.sign(**values)

    def changed(self, changes: dict[int, Any]) -> bytes:
        claims = cbor.decode(envelope.parse(self.sign()).payload)
        return envelope.sign(cbor.encode(claims | changes), keys.kid_of(self.old.public_key()), self.old)


def another_proof(statement: Statement) -> bytes:
    other = ec.generate_private_key(ec.SECP256R1())
    return cbor.decode(envelope.parse(statement.sign(new=other)).payload)[rotation.PROOF]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda s: s.sign(old=s.private("t-0002")), "key-unknown"),
        (lambda s: s.sign(old=ec.generate_private_key(ec.SECP256R1())), "key-unknown"),
        (lambda s: s.sign(ueid=TerminalDouble(s.pki, "t-0002").ueid), "device-mismatch"),
        (lambda s: s.sign(new=s.private("t-0002")), "rotation-invalid"),
        (lambda s: s.sign(new=s.old), "rotation-invalid"),
        (lambda s: s.sign(overlap_s=rotation.OVERLAP_MAX_S + 1), "rotation-invalid"),
        (lambda s: s.sign(overlap_s=-1), "rotation-invalid"),
        (lambda s: s.sign(old_seq=1), "rotation-invalid"),
        (lambda s: s.changed({rotation.PROOF: another_proof(s)}), "signature-invalid"),
        (lambda s: s.changed({rotation.PROOF: bytes(63)}), "signature-invalid"),
        (lambda s: s.changed({rotation.NBF: True}), "rotation-invalid"),
        (lambda s: s.changed({rotation.NBF: 0}), "rotation-invalid"),
        (lambda s: s.changed({rotation.IAT: 0}), "signature-invalid"),
        (lambda s: s.changed({rotation.CNF: {1: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}}}), "rotation-invalid"),
        (lambda s: s.changed({rotation.CNF: {}}), "rotation-invalid"),
        (lambda s: s.changed({rotation.PROFILE_LABEL: history.PROFILE}), "profile-unknown"),
        (lambda s: s.sign()[:-1] + bytes([s.sign()[-1] ^ 1]), "signature-invalid"),
        (lambda _: b"", "token-malformed"),
        (lambda _: bytes(10_000), "token-oversized"),
    ],
    ids=range(19),
)
def test_statement_that_is_not_sound_changes_no_key(office: Office, tmp_path: Path, make: Any, code: str):
    file = tmp_path / "statement"
    file.write_bytes(make(Statement(office.pki)))
    answer = office.device("rotate", "t-0001", "--statement", str(file), "--reason", "r", "--by", "li")
    assert answer == {"error": code}
    assert len(office.device("show", "t-0001")["keys"]) == 1


def test_statement_is_used_once_and_only_by_the_newest_key(office: Office, tmp_path: Path):
    statement = Statement(office.pki)
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(statement.sign())
    second.write_bytes(statement.sign(new=ec.generate_private_key(ec.SECP256R1())))
    arguments = ("--reason", "r", "--by", "li")
    assert office.device("rotate", "t-0001", "--statement", str(first), *arguments)["what"] == "new key"
    for again in (first, second):
        assert office.device("rotate", "t-0001", "--statement", str(again), *arguments) == {"error": "key-unknown"}


def test_commands_have_an_example_each():
    for command in ("list", "show", "history", "activate", "suspend", "resume", "revoke", "retire", "rotate"):
        result = CliRunner().invoke(app, ["agent", "device", command, "--help"])
        assert "Example: shiming agent device " + command in " ".join(result.output.split()), command
    assert device_cli.STATEMENT_MAX_BYTES == cbor.MAX_BYTES
