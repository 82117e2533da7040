"""The chain of custody of one attestation: kept, printed, exported, and named where it was tampered with."""

import hashlib
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from host_agent import attestation, audit, bundle, cbor, envelope
from host_agent.attestation import Receipt, Verdict
from host_agent.bundle import AGENT_RECEIPT, BACKEND_RECEIPT, EXTRACT, MANIFEST, TOKEN
from tests.host_agent.custody_bench import CustodyBench, codes, findings
from tests.host_agent.rig import enter
from tests.host_agent.terminal_double import MSISDN, citizen_number, identity
from tools.pki import authority

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def bench(pki: Path, tmp_path: Path) -> Iterator[CustodyBench]:
    bench = CustodyBench(pki, tmp_path)
    yield bench
    bench.close()


# --- kept and printed


def test_both_receipts_are_kept_with_the_token_at_the_agent_and_the_backends_at_the_backend(bench: CustodyBench):
    _, token = bench.complete()
    digest = hashlib.sha256(token).digest()
    for database, query in (
        ("agent.db", "SELECT r.receipt FROM receipts r JOIN evidence e ON e.id = r.evidence_id WHERE e.sha256 = ?"),
        ("agent.db", "SELECT b.receipt FROM backend_receipts b JOIN evidence e ON e.id = b.evidence_id"
                     " WHERE e.sha256 = ?"),
        ("backend.db", "SELECT r.receipt FROM receipts r JOIN evidence e ON e.cti = r.cti WHERE e.sha256 = ?"),
    ):  # fmt: skip
        with sqlite3.connect(bench.folder / database) as connection:
            [[kept]] = connection.execute(query, (digest,)).fetchall()
        assert attestation.parse_receipt(envelope.parse(kept).payload).token_sha256 == digest


def test_custody_of_a_registration_holds_and_names_three_signers(bench: CustodyBench):
    cti, token = bench.complete(order_id="order-7")
    status, answer = bench.custody(cti)
    assert status == 0 and answer["holds"] and answer["cti"] == cti
    assert [(link["part"], link["who"], link["says"]) for link in answer["links"]] == [
        ("evidence", "t-0001", "seq 1, registration"),
        ("agent-receipt", "agent", "stored"),
        ("backend-receipt", "backend", "stored"),
    ]
    assert answer["links"][0]["sha256"] == hashlib.sha256(token).hexdigest()
    device = bench.registry.device("t-0001")
    assert device is not None
    kids = [device.kid, bench.registry.agent.kid, bench.registry.backend.sign.kid]
    assert [link["kid"] for link in answer["links"]] == [kid.hex() for kid in kids]
    assert all(isinstance(link["at"], int) for link in answer["links"])


def test_words_for_people_end_with_the_result(bench: CustodyBench):
    cti, _ = bench.complete()
    arguments = ["custody", cti, "--config", str(bench.config)]
    assert CliRunner().invoke(audit.app, arguments).stdout.endswith("The chain of custody holds.\n")
    spoil(bench, "UPDATE receipts SET receipt = x'00'")
    result = CliRunner().invoke(audit.app, arguments)
    assert result.exit_code == 1
    assert "NO  agent-receipt: custody-agent-receipt-invalid (E5109)" in result.stdout
    assert result.stdout.endswith("The chain of custody does NOT hold.\n")


def test_what_the_agent_refused_needs_no_receipt_of_the_backend(bench: CustodyBench):
    token = bench.terminal.next_token()  # to no order
    outcome = bench.take(token)
    assert outcome.code == "nonce-unknown"
    status, answer = bench.custody(outcome.cti.hex())
    assert status == 0
    assert [(link["part"], link["says"]) for link in answer["links"]] == [
        ("evidence", "seq 1, registration"),
        ("agent-receipt", "refused: nonce-unknown"),
    ]


def test_what_the_backend_has_not_answered_is_incomplete(bench: CustodyBench):
    outcome = bench.take(bench.token())
    status, answer = bench.custody(outcome.cti.hex())
    assert (status, codes(answer)) == (1, {"backend-receipt": "custody-incomplete"})


def test_repeated_token_does_not_replace_the_first_receipt(bench: CustodyBench):
    cti, token = bench.complete()
    before = bench.custody(cti)
    assert bench.take(token).verdict is Verdict.DUPLICATE
    assert bench.custody(cti) == before


def test_unknown_attestation_and_a_malformed_number_are_told_apart(bench: CustodyBench):
    assert bench.custody("00" * 16) == (1, {"error": "attestation-unknown"})
    result = CliRunner().invoke(audit.app, ["custody", "xyz", "--config", str(bench.config)])
    assert result.exit_code == 2 and "32 hexadecimal digits" in result.output


def spoil(bench: CustodyBench, sql: str, *values: object) -> None:
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        assert connection.execute(sql, values).rowcount > 0


def flip(data: bytes, position: int = -1) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def twin(token: bytes) -> bytes:
    """The same claims under the other valid signature."""
    return token[:-32] + (P256_ORDER - int.from_bytes(token[-32:], "big")).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("table", "part", "code"),
    [
        ("tokens", "evidence", "custody-token-invalid"),
        ("receipts", "agent-receipt", "custody-agent-receipt-invalid"),
        ("backend_receipts", "backend-receipt", "custody-backend-receipt-invalid"),
    ],
)
def test_signature_altered_in_the_store_is_found(bench: CustodyBench, table: str, part: str, code: str):
    cti, _ = bench.complete()
    column = table.rstrip("s") if table == "tokens" else "receipt"
    with sqlite3.connect(bench.folder / "agent.db") as connection:
        [[kept]] = connection.execute(f"SELECT {column} FROM {table}").fetchall()
    spoil(bench, f"UPDATE {table} SET {column} = ?", flip(kept))
    status, answer = bench.custody(cti)
    assert (status, codes(answer)) == (1, {part: code})


def test_receipts_of_another_token_are_found(bench: CustodyBench):
    first, _ = bench.complete()
    bench.complete()
    for table in ("receipts", "backend_receipts"):
        spoil(bench, f"UPDATE {table} SET receipt = (SELECT receipt FROM {table} WHERE evidence_id = 2)")
    assert codes(bench.custody(first)[1]) == {
        "agent-receipt": "custody-agent-receipt-invalid",
        "backend-receipt": "custody-backend-receipt-invalid",
    }


def test_receipt_of_the_agent_is_none_of_the_backend(bench: CustodyBench):
    cti, _ = bench.complete()
    spoil(bench, "UPDATE backend_receipts SET receipt = (SELECT receipt FROM receipts)")
    assert codes(bench.custody(cti)[1]) == {"backend-receipt": "custody-backend-receipt-invalid"}


def test_token_of_another_registration_in_its_place_is_found(bench: CustodyBench):
    cti, _ = bench.complete()
    spoil(bench, "UPDATE tokens SET token = ?", bench.token())
    assert codes(bench.custody(cti)[1]) == {"evidence": "custody-token-invalid"}


def forged(bench: CustodyBench, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A token in the terminal's name that another key has signed."""
    good = bench.token()
    parsed = envelope.parse(good)
    return envelope.sign(parsed.payload, parsed.kid, key, parsed.typ)


def test_token_that_the_agent_itself_has_forged_and_receipted_is_found(bench: CustodyBench):
    token = forged(bench, bench.signer.key)
    with bench.store.transaction():
        evidence = enter(bench.store, token)
        receipt = Receipt("agent", 1, evidence.cti, evidence.ueid, hashlib.sha256(token).digest(), Verdict.STORED)
        bench.store.add_receipt(receipt.token_sha256, "t-0001", bench.sign_as_agent(attestation.build_receipt(receipt)))
    status, answer = bench.custody(evidence.cti.hex())
    assert (status, codes(answer)["evidence"]) == (1, "custody-token-invalid")
    assert "agent-receipt" not in codes(answer), "its receipt is genuine: it convicts the agent"
    assert findings(bench.chain()[1]) == [("custody-token-invalid", 1, 1), ("chain-gap", 1, 1)]


def test_token_given_up_for_room_is_said_to_be_with_the_backend(bench: CustodyBench):
    cti, _ = bench.complete()
    spoil(bench, "DELETE FROM tokens")
    status, answer = bench.custody(cti)
    assert (status, codes(answer)) == (1, {"evidence": "custody-incomplete"})
    assert "the backend holds them" in answer["links"][0]["detail"]


# --- a record of the version before


@pytest.fixture
def old(tmp_path: Path) -> CustodyBench:
    """Databases that version 1 wrote: two registrations and a refusal, the second not delivered yet."""
    upgrade = Path(__file__).parents[1] / "upgrade"
    authority.create(tmp_path / "pki", ["t-0001"])
    for name in ("agent", "backend"):
        with sqlite3.connect(tmp_path / f"{name}.db") as connection:
            connection.executescript((upgrade / f"{name}-1.sql").read_text(encoding="utf-8"))
    bench = CustodyBench(tmp_path / "pki", tmp_path)  # opening brings both up to date
    shutil.copy(upgrade / "registry.json", tmp_path / "pki" / "registry.json")
    return bench


def test_store_of_version_1_is_brought_up_to_date_with_everything_in_it(old: CustodyBench):
    assert old.store._value("PRAGMA user_version") == 4
    assert old.store.figures(0)["evidence"] == 3 and len(old.store.outbox(2**40, 10)) == 1
    assert old.books.counts()["registrations"] == 1 and old.books.counts()["refusals"] == {"card-expired": 1}
    old.close()
    names = ("agent", "backend")
    tables = {name: schema_of(old.folder / f"{name}.db") for name in names}
    fresh = CustodyBench(old.pki, old.folder / "pki")
    fresh.close()
    assert tables == {name: schema_of(old.folder / "pki" / f"{name}.db") for name in names}, "as a new one has them"


def schema_of(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(line.split("--")[0].strip() for line in sql.splitlines()) for name, sql in rows}


# --- exported


class Exported:
    def __init__(self, bench: CustodyBench, **options: Any) -> None:
        self.bench = bench
        self.cti, self.token = bench.complete(**options)
        self.path = bench.folder / f"{self.cti}.custody"
        arguments = ("export", self.cti, "--config", str(bench.config), "--output", str(self.path))
        assert bench.audit(*arguments)[0] == 0
        self.keys = bench.folder / "keys" / "registry.json"  # public keys, alone in a folder
        self.keys.parent.mkdir(exist_ok=True)
        shutil.copy(bench.pki / "registry.json", self.keys)

    @property
    def parts(self) -> dict[int, Any]:
        return cbor.decode(self.path.read_bytes(), bundle.MAX_BYTES)

    def replace(self, parts: dict[int, Any]) -> None:
        self.path.write_bytes(cbor.encode(parts))

    def verify(self) -> tuple[int, dict[str, Any]]:
        return self.bench.audit("verify", str(self.path), "--keys", str(self.keys))


@pytest.fixture
def exported(bench: CustodyBench) -> Exported:
    return Exported(bench)


def test_bundle_verifies_with_public_keys_alone(exported: Exported):
    exported.bench.close()
    for name in ("agent.db", "backend.db"):
        (exported.bench.folder / name).unlink()
    status, answer = exported.verify()
    assert status == 0 and answer["holds"] and answer["cti"] == exported.cti
    parts = ["evidence", "agent-receipt", "backend-receipt", "registry-extract", "manifest"]
    assert [link["part"] for link in answer["links"]] == parts


def test_bundle_has_no_identity_data_in_clear(exported: Exported):
    content = exported.path.read_bytes()
    person = identity()
    for secret in (person[1], person[5], person[7], citizen_number(), MSISDN):
        assert secret.encode() not in content
    assert person[11] not in content
    assert exported.token in content, "sealed, as the terminal signed it"


def test_export_overwrites_nothing(exported: Exported):
    arguments = ["export", exported.cti, "--config", str(exported.bench.config), "--output", str(exported.path)]
    before = exported.path.read_bytes()
    result = CliRunner().invoke(audit.app, arguments)
    assert isinstance(result.exception, FileExistsError) and exported.path.read_bytes() == before


def other_receipt(exported: Exported, sign: Callable[[bytes], bytes], issuer: str, **changes: Any) -> bytes:
    digest = changes.get("sha256", hashlib.sha256(exported.token).digest())
    cti = changes.get("cti", bytes.fromhex(exported.cti))
    verdict = changes.get("verdict", Verdict.STORED)
    return sign(attestation.build_receipt(Receipt(issuer, 1, cti, None, digest, verdict)))


AGENT_INVALID = {"agent-receipt": "custody-agent-receipt-invalid"}
BACKEND_INVALID = {"backend-receipt": "custody-backend-receipt-invalid"}
TAMPERINGS: dict[str, tuple[Callable[[Exported, dict[int, Any]], Any], dict[str, str]]] = {
    "token-signature": (lambda x, p: p.update({TOKEN: flip(p[TOKEN])}), {"evidence": "custody-token-invalid"}),
    "token-second-signature": (
        lambda x, p: p.update({TOKEN: twin(p[TOKEN])}),
        {"evidence": "custody-token-invalid"},
    ),
    "token-of-another-registration": (
        lambda x, p: p.update({TOKEN: x.bench.token()}),
        {"evidence": "custody-token-invalid"},
    ),
    "agent-receipt-signature": (lambda x, p: p.update({AGENT_RECEIPT: flip(p[AGENT_RECEIPT])}), AGENT_INVALID),
    "backend-receipt-signature": (lambda x, p: p.update({BACKEND_RECEIPT: flip(p[BACKEND_RECEIPT])}), BACKEND_INVALID),
    "receipts-exchanged": (
        lambda x, p: p.update({AGENT_RECEIPT: p[BACKEND_RECEIPT], BACKEND_RECEIPT: p[AGENT_RECEIPT]}),
        AGENT_INVALID | BACKEND_INVALID,
    ),
    "another-genuine-agent-receipt": (
        lambda x, p: p.update({AGENT_RECEIPT: other_receipt(x, x.bench.sign_as_agent, "agent")}),
        {"agent-receipt": "bundle-part-exchanged"},
    ),
    "agent-receipt-of-another-token": (
        lambda x, p: p.update({AGENT_RECEIPT: other_receipt(x, x.bench.sign_as_agent, "agent", sha256=bytes(32))}),
        AGENT_INVALID,
    ),
    "backend-receipt-of-another-cti": (
        lambda x, p: p.update({BACKEND_RECEIPT: other_receipt(x, x.bench.sign_as_backend, "backend", cti=bytes(16))}),
        BACKEND_INVALID,
    ),
    "backend-receipt-in-anothers-name": (
        lambda x, p: p.update({BACKEND_RECEIPT: other_receipt(x, x.bench.sign_as_backend, "other")}),
        BACKEND_INVALID,
    ),
    "agent-receipt-left-out": (lambda x, p: p.pop(AGENT_RECEIPT), {"agent-receipt": "bundle-part-exchanged"}),
    "backend-receipt-left-out": (lambda x, p: p.pop(BACKEND_RECEIPT), {"backend-receipt": "bundle-part-exchanged"}),
    "extract-status": (
        lambda x, p: p.update({EXTRACT: p[EXTRACT].replace(b"active", b"Active")}),
        {"registry-extract": "bundle-extract-invalid"},
    ),
    "extract-cut": (lambda x, p: p.update({EXTRACT: p[EXTRACT][:-1]}), {"registry-extract": "bundle-extract-invalid"}),
    "manifest-signature": (
        lambda x, p: p.update({MANIFEST: flip(p[MANIFEST])}),
        {"manifest": "bundle-manifest-invalid"},
    ),
    "manifest-by-the-backend": (
        lambda x, p: p.update({MANIFEST: x.bench.sign_as_backend(envelope.parse(p[MANIFEST]).payload)}),
        {"manifest": "bundle-manifest-invalid"},
    ),
    "manifest-is-a-receipt": (
        lambda x, p: p.update({MANIFEST: p[AGENT_RECEIPT]}),
        {"manifest": "bundle-manifest-invalid"},
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_named(exported: Exported, name: str):
    tamper, expected = TAMPERINGS[name]
    parts = exported.parts
    tamper(exported, parts)
    exported.replace(parts)
    status, answer = exported.verify()
    assert (status, codes(answer)) == (1, expected)


def test_keys_of_another_authority_prove_nothing(exported: Exported, tmp_path: Path):
    authority.create(tmp_path / "other", ["t-0001"])
    shutil.copy(tmp_path / "other" / "registry.json", exported.keys)
    status, answer = exported.verify()
    assert status == 1 and set(codes(answer)) == {link["part"] for link in answer["links"]}


@pytest.mark.parametrize("missing", [TOKEN, EXTRACT, MANIFEST, bundle.PROFILE_LABEL])
def test_file_without_a_part_is_no_bundle(exported: Exported, missing: int):
    parts = exported.parts
    del parts[missing]
    exported.replace(parts)
    assert exported.verify() == (1, {"error": "bundle-malformed"})


@pytest.mark.parametrize(
    "content", [b"", b"text", cbor.encode([1]), cbor.encode({265: bundle.PROFILE}), bytes(300_000)]
)
def test_file_that_is_no_bundle_is_refused(exported: Exported, content: bytes):
    exported.path.write_bytes(content)
    assert exported.verify() == (1, {"error": "bundle-malformed"})


def test_every_flipped_bit_of_a_bundle_is_noticed(exported: Exported):
    """At 400 random places: by the code of a part, or as no bundle at all."""
    seed = int(os.environ.get("SHIMING_SEED", random.getrandbits(32)))
    print("seed", seed)
    chance = random.Random(seed)
    good = exported.path.read_bytes()
    for _ in range(400):
        place = chance.randrange(len(good) * 8)
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        try:
            links = bundle.verify(bundle.parse(bytes(bad)), exported.bench.registry)
        except bundle.BundleMalformed:
            continue
        assert any(link.code for link in links), f"seed {seed}, bit {place}"


def test_json_is_one_object_with_hexadecimal_hashes(exported: Exported):
    _, answer = exported.verify()
    assert json.dumps(answer) and len(answer["links"][0]["sha256"]) == 64
