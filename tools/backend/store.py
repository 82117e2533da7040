"""The books in SQLite. One thread owns a `Books`; a batch is one transaction, on disk before it is receipted."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_agent import numbers
from host_agent.attestation import Verdict
from host_agent.errors import ConfigError
from host_agent.sealed import Identity
from tools.backend.appraisal import Genuine, Rejected

SCHEMA = Path(__file__).with_name("schema.sql")
VERSION = 1
BUSY_S = 1.0  # nobody else writes the books; an inspector who reads them does not block us


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a token."""

    sha256: bytes
    cti: bytes
    verdict: Verdict
    code: str | None = None


class Books:
    def __init__(self, path: Path) -> None:
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            version = self._number("PRAGMA user_version")
            if version == 0:
                self._db.executescript(f"BEGIN;\n{SCHEMA.read_text(encoding='utf-8')}\nCOMMIT;")
        except (OSError, sqlite3.Error) as error:
            raise ConfigError("database: the file is not a database that can be used") from error
        if version not in (0, VERSION):
            raise ConfigError(f"database: made by version {version} of the books; this is version {VERSION}")

    def close(self) -> None:
        self._db.close()

    def enter(self, appraisals: Sequence[Genuine | Rejected], now: int) -> list[Entry]:
        """All of them, or none and an sqlite3.Error."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            entries = [self._enter(appraisal, now) for appraisal in appraisals]
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return entries

    def counts(self) -> dict[str, Any]:
        """Without personal data. `duplicate_registrations` are those beyond the first of an order or a number."""
        registrations, orders, numbers = self._db.execute(
            "SELECT count(*), count(DISTINCT order_id), count(DISTINCT msisdn) FROM registrations"
        ).fetchone()
        return {
            "evidence": self._number("SELECT count(*) FROM evidence"),
            "registrations": registrations,
            "duplicate_registrations": registrations - min(orders, numbers),
            "registrations_per_order_max": self._number(
                "SELECT max(n) FROM (SELECT count(*) AS n FROM registrations GROUP BY order_id)"
            ),
            "refusals": self._by_code("SELECT code, count(*) FROM refusals GROUP BY code"),
            "rejected": self._by_code("SELECT code, count(*) FROM rejected GROUP BY code"),
            "duplicate_receipts": self._number("SELECT value FROM counters WHERE name = 'duplicate_receipts'"),
            "gaps": self._number(
                "SELECT sum(missing) FROM (SELECT max(seq) - count(*) AS missing FROM evidence GROUP BY kid)"
            ),
        }

    def _enter(self, appraisal: Genuine | Rejected, now: int) -> Entry:
        # Case 1: exactly these bytes are in the books already. First, so that a repeat stays a duplicate whatever
        # has changed since, a suspended terminal for instance.
        if self._has("sha256 = ?", appraisal.sha256):
            return self._duplicate(appraisal.sha256, self._cti_of(appraisal.sha256))
        # Case 2: not genuine.
        if isinstance(appraisal, Rejected):
            return self._reject(appraisal.sha256, appraisal.cti, appraisal.code, now)
        # Case 3: the same claims under the other valid signature, (r, n - s): the same registration.
        cti = appraisal.evidence.cti
        if self._has("payload_sha256 = ?", appraisal.payload_sha256):
            return self._duplicate(appraisal.sha256, cti)
        # Case 4: genuine, but against the books.
        if code := self._contradiction(appraisal):
            return self._reject(appraisal.sha256, cti, code, now)
        # Case 5: new.
        self._insert(appraisal, now)
        return Entry(appraisal.sha256, cti, Verdict.STORED)

    def _contradiction(self, appraisal: Genuine) -> str | None:
        """A gap in `seq` is no contradiction: the missing tokens may still come."""
        evidence, kid = appraisal.evidence, appraisal.kid
        if self._has("cti = ?", evidence.cti):
            return "cti-reused"
        if self._has("nonce = ?", evidence.nonce):
            return "nonce-reused"
        if self._has("kid = ? AND seq = ?", kid, evidence.seq):
            return "seq-replayed"
        if self._has("kid = ? AND prev = ?", kid, evidence.prev):
            return "chain-fork"
        if self._has("kid = ? AND seq = ? AND sha256 <> ?", kid, evidence.seq - 1, evidence.prev) or self._has(
            "kid = ? AND seq = ? AND prev <> ?", kid, evidence.seq + 1, appraisal.sha256
        ):
            return "chain-broken"
        return None

    def _insert(self, appraisal: Genuine, now: int) -> None:
        evidence = appraisal.evidence
        results = evidence.results
        self._db.execute(
            "INSERT INTO evidence (sha256, payload_sha256, cti, nonce, kid, seq, prev, device, order_id, channel, iat,"
            " entered_at, token) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (appraisal.sha256, appraisal.payload_sha256, evidence.cti, evidence.nonce, appraisal.kid, evidence.seq,
             evidence.prev, appraisal.device_id, results.order_id, results.channel, evidence.iat, now, appraisal.token),
        )  # fmt: skip
        if appraisal.identity is None:
            self._db.execute("INSERT INTO refusals (cti, code) VALUES (?, ?)", (evidence.cti, results.reason))
        else:
            self._register(evidence.cti, results.order_id, appraisal.identity)

    def _register(self, cti: bytes, order_id: str, identity: Identity) -> None:
        self._db.execute(
            "INSERT INTO registrations (cti, order_id, msisdn) VALUES (?, ?, ?)", (cti, order_id, identity.msisdn)
        )
        self._db.execute(
            "INSERT INTO identities (cti, document, name, sex, ethnicity, birth_date, address, number, authority,"
            " valid_from, valid_to, additional_addresses, photo, english_name, nationality, travel_permit, issue_count,"
            " earlier_link, accepting_authority, card_version, doubts)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (cti, int(identity.document), identity.name, identity.sex, identity.ethnicity, identity.birth_date,
             identity.address, identity.number, identity.authority, identity.valid_from, identity.valid_to,
             json.dumps(identity.additional_addresses, ensure_ascii=False), identity.photo, identity.english_name,
             identity.nationality, identity.travel_permit, identity.issue_count, identity.earlier_link,
             identity.accepting_authority, identity.card_version, json.dumps(numbers.doubts(identity))),
        )  # fmt: skip

    def _reject(self, sha256: bytes, cti: bytes, code: str, now: int) -> Entry:
        self._db.execute(
            "INSERT INTO rejected (sha256, code, last_at, times) VALUES (?, ?, ?, 1)"
            " ON CONFLICT DO UPDATE SET times = times + 1, last_at = excluded.last_at",
            (sha256, code, now),
        )
        return Entry(sha256, cti, Verdict.REFUSED, code)

    def _duplicate(self, sha256: bytes, cti: bytes) -> Entry:
        self._db.execute(
            "INSERT INTO counters (name, value) VALUES ('duplicate_receipts', 1)"
            " ON CONFLICT DO UPDATE SET value = value + 1"
        )
        return Entry(sha256, cti, Verdict.DUPLICATE)

    def _has(self, condition: str, *values: object) -> bool:
        return self._db.execute(f"SELECT 1 FROM evidence WHERE {condition}", values).fetchone() is not None

    def _cti_of(self, sha256: bytes) -> bytes:
        return self._db.execute("SELECT cti FROM evidence WHERE sha256 = ?", (sha256,)).fetchone()[0]

    def _number(self, query: str) -> int:
        row = self._db.execute(query).fetchone()
        return (row[0] or 0) if row else 0

    def _by_code(self, query: str) -> dict[str, int]:
        return dict(self._db.execute(query).fetchall())
