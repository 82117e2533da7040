"""The books in SQLite. One thread owns a `Books`; a batch is one transaction, on disk before it is receipted.

Identity data are encrypted, each record under a key of its own (`retention.py`).
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from host_agent import cbor, numbers
from host_agent.attestation import Verdict
from host_agent.errors import ConfigError
from host_agent.history import Head
from host_agent.sealed import Identity
from host_agent.store import Kept
from tools.backend.appraisal import Genuine, Rejected
from tools.backend.retention import RetentionFile, RetentionKey

SCHEMA = Path(__file__).with_name("schema.sql")
UPGRADES = {1: Path(__file__).with_name("schema_2.sql")}  # from which version, how
VERSION = 2
IDENTITY_MAX_BYTES = 65536
BUSY_S = 1.0  # nobody else writes the books; an inspector who reads them does not block us


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a token."""

    sha256: bytes
    cti: bytes
    verdict: Verdict
    code: str | None = None
    receipt: bytes = b""  # signed


class Books:
    def __init__(self, path: Path, retention: Path | None = None) -> None:
        self._retention_file = RetentionFile(retention or path.with_suffix(".retention.key"))
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA secure_delete = ON")
            version = self._number("PRAGMA user_version")
            if version == 0:
                self._create()
            elif version in UPGRADES:
                self._upgrade(version)
                version = VERSION
        except (OSError, sqlite3.Error) as error:
            raise ConfigError("database: the file is not a database that can be used") from error
        if version not in (0, VERSION):
            raise ConfigError(f"database: made by version {version} of the books; this is version {VERSION}")
        self._key = self._retention_file.load(self._key_id())

    def _create(self) -> None:
        self._db.executescript(f"BEGIN;\n{SCHEMA.read_text(encoding='utf-8')}")
        self._db.execute("INSERT INTO retention VALUES (1, ?)", (self._retention_file.create().id,))
        self._db.execute("COMMIT")

    def _upgrade(self, version: int) -> None:
        """Version 1 had identity data in clear: it is encrypted, and what was in clear is wiped from the file."""
        self._db.executescript(f"BEGIN;\n{UPGRADES[version].read_text(encoding='utf-8')}")
        self._key = self._retention_file.create()
        self._db.execute("INSERT INTO retention VALUES (1, ?)", (self._key.id,))
        cursor = self._db.execute("SELECT order_id, msisdn, i.* FROM registrations_1 JOIN identities_1 i USING (cti)")
        names = [column[0] for column in cursor.description]
        for values in cursor.fetchall():
            row = dict(zip(names, values, strict=True))
            order_id, cti = row.pop("order_id"), row.pop("cti")
            lists = {name: json.loads(row[name]) for name in ("additional_addresses", "doubts")}
            self._keep(cti, order_id, row | lists)
        self._db.execute("DROP TABLE identities_1")
        self._db.execute("DROP TABLE registrations_1")
        self._db.execute("COMMIT")
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._db.close()

    def enter(
        self, appraisals: Sequence[Genuine | Rejected], now: int, sign: Callable[[Entry, int], bytes]
    ) -> list[Entry]:
        """All of them with their receipts, or none and an sqlite3.Error."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            entries = [self._receipted(self._enter(appraisal, now), now, sign) for appraisal in appraisals]
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return entries

    def history_head(self) -> Head | None:
        row = self._db.execute("SELECT length, sha256 FROM history_head").fetchone()
        return Head(*row) if row else None

    def set_history_head(self, head: Head) -> None:
        self._db.execute("INSERT OR REPLACE INTO history_head VALUES (1, ?, ?)", (head.length, head.sha256))

    def counts(self) -> dict[str, Any]:
        """Without personal data. `duplicate_registrations` are those beyond the first of an order or a number."""
        registrations, orders, numbers = self._db.execute(
            "SELECT count(*), count(DISTINCT order_id), count(DISTINCT msisdn_tag) FROM registrations"
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

    def _receipted(self, entry: Entry, now: int, sign: Callable[[Entry, int], bytes]) -> Entry:
        """The first receipt of what is in the books is kept; that of a repeat says no more."""
        receipt = sign(entry, now)
        self._db.execute(
            "INSERT OR IGNORE INTO receipts SELECT cti, ? FROM evidence WHERE sha256 = ?", (receipt, entry.sha256)
        )
        return replace(entry, receipt=receipt)

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
        content: dict[str, Any] = {
            name: getattr(identity, name) for name in identity.__slots__ if getattr(identity, name) is not None
        }
        content["additional_addresses"] = list(identity.additional_addresses)
        self._keep(cti, order_id, content | {"document": int(identity.document), "doubts": numbers.doubts(identity)})

    def _keep(self, cti: bytes, order_id: str, content: dict[str, Any]) -> None:
        key = self._present_key()
        self._db.execute(
            "INSERT INTO registrations (cti, order_id, msisdn_tag) VALUES (?, ?, ?)",
            (cti, order_id, key.tag(content["msisdn"])),
        )
        known = {name: value for name, value in content.items() if value is not None}
        self._db.execute("INSERT INTO identities VALUES (?, ?, ?)", (cti, *key.seal(cti, cbor.encode(known))))

    # --- retention

    def identity(self, cti: bytes) -> dict[str, Any] | None:
        """In clear: for the operator's own eyes. None once it is destroyed, or if there never was one."""
        row = self._db.execute("SELECT wrapped, sealed FROM identities WHERE cti = ?", (cti,)).fetchone()
        if row is None:
            return None
        return cbor.decode(self._present_key().open(cti, *row), IDENTITY_MAX_BYTES)

    def registered(self, cti: bytes) -> bytes | None:
        """The token of a registration."""
        query = "SELECT token FROM evidence JOIN registrations USING (cti) WHERE cti = ?"
        row = self._db.execute(query, (cti,)).fetchone()
        return row[0] if row else None

    def deletion(self, cti: bytes) -> bytes | None:
        row = self._db.execute("SELECT record FROM deletions WHERE cti = ?", (cti,)).fetchone()
        return row[0] if row else None

    def shred(self, records: Mapping[bytes, bytes]) -> int:
        """Destroys the identity data of these attestations, and keeps the signed records; how many were still there."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            key = self._present_key()
            successor = self._retention_file.prepare(key)
            count = sum(self._forget(cti, record) for cti, record in records.items())
            for cti, wrapped in self._db.execute("SELECT cti, wrapped FROM identities").fetchall():
                fresh = key.rewrap(cti, wrapped, successor)
                self._db.execute("UPDATE identities SET wrapped = ? WHERE cti = ?", (fresh, cti))
            self._db.execute("UPDATE retention SET key_id = ?", (successor.id,))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._key = self._retention_file.load(successor.id)
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def _forget(self, cti: bytes, record: bytes) -> int:
        self._db.execute("INSERT OR IGNORE INTO deletions VALUES (?, ?)", (cti, record))
        self._db.execute("UPDATE registrations SET msisdn_tag = NULL WHERE cti = ?", (cti,))
        return self._db.execute("DELETE FROM identities WHERE cti = ?", (cti,)).rowcount

    def chain(self, kid: bytes, first: int, last: int) -> Iterator[Kept]:
        """As the agent's store gives it to an auditor."""
        rows = self._db.execute(
            "SELECT e.cti, e.sha256, e.device, e.kid, e.seq, e.prev, e.entered_at, e.token, r.receipt FROM evidence e"
            " LEFT JOIN receipts r USING (cti) WHERE e.kid = ? AND e.seq BETWEEN ? AND ? ORDER BY e.seq",
            (kid, first, last),
        )
        for cti, sha256, device, kid_, seq, prev, entered_at, token, receipt in rows:
            yield Kept(cti, sha256, device, kid_, seq, prev, Verdict.STORED, None, entered_at, token, None, receipt)

    def last_seq(self, kid: bytes) -> int:
        return self._db.execute("SELECT coalesce(max(seq), 0) FROM evidence WHERE kid = ?", (kid,)).fetchone()[0]

    def note_destroyed_seal_key(self, kid: bytes, record: bytes) -> None:
        self._db.execute("INSERT OR IGNORE INTO destroyed_seal_keys VALUES (?, ?)", (kid, record))

    def _present_key(self) -> RetentionKey:
        """Another process may have destroyed records, and with them the key that we knew."""
        if self._key.id != (key_id := self._key_id()):
            self._key = self._retention_file.load(key_id)
        return self._key

    def _key_id(self) -> bytes:
        row = self._db.execute("SELECT key_id FROM retention").fetchone()
        return row[0] if row else b""

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
