"""The agent's store: SQLite in WAL mode with synchronous=FULL. The only module that knows SQL, with `log_tables`,
`reserve_tables` and `key_tables`.

What `transaction` has committed survives a power cut. A full or failing disk shows as `StoreFull` or `StoreFault`, with
nothing of the transaction done; whoever holds unacknowledged messages keeps them and tries again.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from host_agent.alarms import Happened
from host_agent.attestation import Evidence, Verdict
from host_agent.errors import ConfigError, ShimingError
from host_agent.history import Head
from host_agent.key_tables import KeyTables
from host_agent.log_tables import LogTables
from host_agent.policy import SESSION_S, Chain, KnownOrder
from host_agent.reserve_tables import ReserveTables

SCHEMA_VERSION = 4
SCHEMA_PATH = Path(__file__).with_name("schema.sql")

REFUSAL_HEAD_BYTES = 8192
REFUSALS_PER_HOUR = 256  # for each device: 2 MiB an hour at most
REFUSALS_TOTAL = 8192  # 64 MiB at most
REFUSALS_KEPT_S = 30 * 86400
BUSY_S = 1.0  # for a person who looks into the store; nobody else writes to it
ORDERS_AT_ONCE = 4  # what a terminal is sent of its waiting orders, oldest first


class StoreFault(ShimingError):
    code = "store-fault"


class StoreFull(StoreFault):
    code = "store-full"


@dataclass(frozen=True, slots=True)
class OrderRow:
    order_id: str
    device: str
    channel: str
    nonce: bytes
    iat: int
    exp: int
    state: str
    code: str | None
    cti: bytes | None
    token: bytes | None  # the signed order; of a pre-issued one its entry
    sheet: int | None = None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    evidence_id: int
    sha256: bytes
    received_at: int
    token: bytes


@dataclass(frozen=True, slots=True)
class BackendAnswer:
    evidence_id: int
    receipt: bytes
    verdict: Verdict
    code: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds of one token: the bytes (None once given up), both receipts (None while there is none)."""

    cti: bytes
    sha256: bytes
    device: str
    kid: bytes
    seq: int
    prev: bytes
    verdict: Verdict
    code: str | None
    received_at: int
    token: bytes | None
    receipt: bytes | None
    backend_receipt: bytes | None


class Store(LogTables, ReserveTables, KeyTables):
    def __init__(self, path: Path, max_bytes: int, min_free_bytes: int) -> None:
        self._path = path
        self._min_free_bytes = min_free_bytes
        self._lock = threading.RLock()
        self._lock_file = _lock(path)
        try:
            self._connection = _open(path)
        except sqlite3.Error as error:
            self._lock_file.close()
            raise ConfigError(f"store.path: {path} cannot be opened as the agent's store ({error})") from error
        self._page_bytes: int = self._value("PRAGMA page_size")
        self.limit(max_bytes)

    def limit(self, max_bytes: int) -> None:
        """The hard limit is SQLite's own. Intake stops an eighth before it: orders and receipts still find room."""
        self._value(f"PRAGMA max_page_count = {max_bytes // self._page_bytes}")
        self._intake_pages = (max_bytes - max_bytes // 8) // self._page_bytes

    def close(self) -> None:
        with self._lock:
            self._connection.close()
            self._lock_file.close()

    @contextmanager
    def transaction(self, *, is_intake: bool = False) -> Iterator[None]:
        with self._lock:
            if is_intake:
                self._check_disk()
            self._do("BEGIN IMMEDIATE")
            try:
                yield
                if is_intake:
                    self._check_size()
                self._do("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._do("ROLLBACK")
                raise

    # --- evidence

    def is_duplicate(self, sha256: bytes, payload_sha256: bytes) -> bool:
        """Also of the same claims under the second signature that anybody can make of the first."""
        return bool(
            self._value("SELECT EXISTS (SELECT 1 FROM evidence WHERE sha256 = ?)", sha256)
            or self._value("SELECT EXISTS (SELECT 1 FROM evidence WHERE payload_sha256 = ?)", payload_sha256)
        )

    def is_cti_known(self, cti: bytes) -> bool:
        return bool(self._value("SELECT EXISTS (SELECT 1 FROM evidence WHERE cti = ?)", cti))

    def chain_around(self, kid: bytes, evidence: Evidence) -> Chain:
        rows = self._rows(
            "SELECT seq, sha256, prev FROM chain WHERE kid = ? AND seq BETWEEN ? AND ?",
            kid,
            evidence.seq - 1,
            evidence.seq + 1,
        )
        near = {seq: (sha256, prev) for seq, sha256, prev in rows}
        has_other = self._value(
            "SELECT EXISTS (SELECT 1 FROM chain WHERE kid = ? AND prev = ? AND seq <> ?)",
            *(kid, evidence.prev, evidence.seq),
        )
        return Chain(
            at_seq=near[evidence.seq][0] if evidence.seq in near else None,
            before=near[evidence.seq - 1][0] if evidence.seq - 1 in near else None,
            prev_of_next=near[evidence.seq + 1][1] if evidence.seq + 1 in near else None,
            has_other_with_prev=bool(has_other),
        )

    def link(self, kid: bytes, evidence: Evidence, sha256: bytes) -> None:
        self._do("INSERT OR IGNORE INTO chain VALUES (?, ?, ?, ?)", kid, evidence.seq, sha256, evidence.prev)

    def add_evidence(
        self,
        evidence: Evidence,
        *,
        device: str,
        kid: bytes,
        sha256: bytes,
        payload_sha256: bytes,
        token: bytes,
        code: str | None,
        received_at: int,
    ) -> None:
        """Token, verdict and outbox row; only what is accepted goes to the backend."""
        verdict = Verdict.STORED if code is None else Verdict.REFUSED
        evidence_id = self._do(
            "INSERT INTO evidence (cti, sha256, payload_sha256, device, kid, seq, prev, order_id, reason, verdict,"
            " code, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(evidence.cti, sha256, payload_sha256, device, kid, evidence.seq, evidence.prev),
            *(evidence.results.order_id, evidence.results.reason, int(verdict), code, received_at),
        ).lastrowid
        self._do("INSERT INTO tokens VALUES (?, ?)", evidence_id, token)
        if code is None:
            self._do("INSERT INTO outbox (evidence_id) VALUES (?)", evidence_id)

    def add_receipt(self, sha256s: Sequence[bytes], device: str, receipt: bytes) -> None:
        """Our own, with its tokens; the first one of a token stays, as that of a repeat says no more."""
        receipt_id = self._do("INSERT INTO receipts (receipt) VALUES (?)", receipt).lastrowid
        linked = [
            self._do(
                "INSERT OR IGNORE INTO receipted SELECT id, ? FROM evidence WHERE sha256 = ? AND device = ?",
                *(receipt_id, sha256, device),
            ).rowcount
            for sha256 in sha256s
        ]
        if not any(linked):  # of repeats, of what was not evidence
            self._do("DELETE FROM receipts WHERE id = ?", receipt_id)

    def add_refusal(self, device: str, code: str, sha256: bytes, payload: bytes, received_at: int) -> bool:
        """Keeps what was refused; False when the device has used up its share and it was only counted."""
        hour = received_at // 3600
        again = self._do(
            "UPDATE refusals SET count = count + 1, received_at = ?"
            " WHERE device = ? AND hour = ? AND code = ? AND sha256 = ?",
            *(received_at, device, hour, code, sha256),
        )
        if again.rowcount:
            return True
        self._do("DELETE FROM refusals WHERE received_at < ?", received_at - REFUSALS_KEPT_S)
        in_hour = self._value("SELECT count(*) FROM refusals WHERE device = ? AND hour = ?", device, hour)
        is_kept = in_hour < REFUSALS_PER_HOUR and self._value("SELECT count(*) FROM refusals") < REFUSALS_TOTAL
        self._do(
            "INSERT INTO refusals VALUES (?, ?, ?, ?, ?, 1, ?, ?)"
            " ON CONFLICT DO UPDATE SET count = count + 1, received_at = excluded.received_at",
            *(device, hour, code, sha256 if is_kept else b"", len(payload), received_at),
            payload[:REFUSAL_HEAD_BYTES] if is_kept else b"",
        )
        return is_kept

    def release(self, limit: int = 512) -> int:
        """Gives up the oldest token bytes that the backend has receipted; verdict, chain and receipt stay.

        Only when the store itself is about as large as it may be: it is not what fills a disk otherwise.
        """
        if self._used_pages() < self._intake_pages * 9 // 10:
            return 0
        with self.transaction():
            return self._do(
                "DELETE FROM tokens WHERE evidence_id IN (SELECT t.evidence_id FROM tokens t WHERE EXISTS"
                " (SELECT 1 FROM backend_receipts r WHERE r.evidence_id = t.evidence_id)"
                " ORDER BY t.evidence_id LIMIT ?)",
                limit,
            ).rowcount

    # --- orders

    def order(self, order_id: str) -> OrderRow | None:
        rows = self._rows(f"SELECT {_ORDER} FROM orders WHERE order_id = ?", order_id)
        return OrderRow(*rows[0]) if rows else None

    def order_by_nonce(self, nonce: bytes) -> KnownOrder | None:
        rows = self._rows(
            "SELECT order_id, device, channel, iat, exp, cti IS NOT NULL, sheet IS NOT NULL"
            " FROM orders WHERE nonce = ?",
            nonce,
        )
        if not rows:
            return None
        order_id, device, channel, iat, exp, is_answered, is_preissued = rows[0]
        return KnownOrder(order_id, device, channel, iat, exp, bool(is_answered), bool(is_preissued))

    def add_order(self, row: OrderRow) -> None:
        self._do(f"INSERT INTO orders ({_ORDER}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *astuple(row))

    def answer_order(self, order_id: str, cti: bytes, code: str | None) -> None:
        """Evidence has come: attested, or refused with the code of the agent or of the terminal."""
        state = "attested" if code is None else "refused"
        self._do(
            "UPDATE orders SET state = ?, code = ?, cti = ?, token = NULL WHERE order_id = ?",
            *(state, code, cti, order_id),
        )

    def expire_orders(self, now: int) -> None:
        with self.transaction():
            self._do(
                "UPDATE orders SET state = 'expired', token = NULL WHERE state = 'waiting' AND exp < ?", now - SESSION_S
            )
            self.expire_sheets(now)

    def waiting_orders(self, now: int, device: str | None = None) -> list[tuple[str, bytes]]:
        """(device, signed order) of the orders to send: for each device the oldest that have not run out."""
        return self._rows(
            "SELECT device, token FROM (SELECT device, token, row_number() OVER"
            " (PARTITION BY device ORDER BY iat, order_id) AS place FROM orders"
            " WHERE state = 'waiting' AND sheet IS NULL AND exp >= ? AND (? IS NULL OR device = ?)) WHERE place <= ?",
            *(now, device, device, ORDERS_AT_ONCE),
        )

    # --- outbox

    def outbox(self, now: int, limit: int, without: Sequence[int] = ()) -> list[OutboxRow]:
        rows = self._rows(
            "SELECT o.evidence_id, e.sha256, e.received_at, t.token FROM outbox o"
            " JOIN evidence e ON e.id = o.evidence_id JOIN tokens t ON t.evidence_id = o.evidence_id"
            " WHERE o.not_before <= ? ORDER BY o.evidence_id LIMIT ?",
            *(now, limit + len(without)),
        )
        return [OutboxRow(*row) for row in rows if row[0] not in set(without)][:limit]

    def settle(self, answers: Sequence[BackendAnswer], now: int) -> None:
        """The backend has answered: its receipts in, the outbox rows out, the orders on."""
        with self.transaction():
            for answer in answers:
                self._do(
                    "INSERT OR IGNORE INTO backend_receipts VALUES (?, ?, ?, ?, ?)",
                    *(answer.evidence_id, answer.receipt, int(answer.verdict), answer.code, now),
                )
                self._do("DELETE FROM outbox WHERE evidence_id = ?", answer.evidence_id)
                self._do(
                    "UPDATE orders SET state = ?, code = ? WHERE state = 'attested'"
                    " AND (order_id, cti) = (SELECT order_id, cti FROM evidence WHERE id = ?)",
                    "refused" if answer.verdict is Verdict.REFUSED else "accepted",
                    *(answer.code, answer.evidence_id),
                )

    def postpone(self, evidence_id: int, not_before: int) -> None:
        with self.transaction():
            self._do("UPDATE outbox SET not_before = ? WHERE evidence_id = ?", not_before, evidence_id)

    # --- for people

    def figures(self, now: int) -> dict[str, Any]:
        oldest = self._value(
            "SELECT received_at FROM evidence WHERE id = (SELECT evidence_id FROM outbox ORDER BY evidence_id LIMIT 1)"
        )
        return {
            "evidence": self._value("SELECT coalesce(max(id), 0) FROM evidence"),
            "orders_waiting": self._value("SELECT count(*) FROM orders WHERE state = 'waiting' AND sheet IS NULL"),
            "orders_in_reserve": self._value(
                "SELECT count(*) FROM orders WHERE state = 'waiting' AND sheet IS NOT NULL"
            ),
            "outbox": self._value("SELECT count(*) FROM outbox"),
            "outbox_oldest_s": None if oldest is None else max(0, now - oldest),
            "outbox_postponed": self._value("SELECT count(*) FROM outbox WHERE not_before > ?", now),
            "refused": self._count_refused(),
            "log_entries": self._value("SELECT count(*) FROM log_entries"),
            "store_bytes": self._used_pages() * self._page_bytes,
        }

    def _count_refused(self) -> dict[str, int]:
        rows = self._rows(
            "SELECT code, sum(n) FROM (SELECT code, count(*) AS n FROM evidence WHERE verdict = 3 GROUP BY code"
            " UNION ALL SELECT code, sum(count) FROM refusals GROUP BY code) GROUP BY code ORDER BY code"
        )
        return dict(rows)

    # --- the history of the device registry

    def history_head(self) -> Head | None:
        rows = self._rows("SELECT length, sha256 FROM history_head")
        return Head(*rows[0]) if rows else None

    def set_history_head(self, head: Head) -> None:
        with self.transaction():
            self._do("INSERT OR REPLACE INTO history_head VALUES (1, ?, ?)", head.length, head.sha256)

    # --- what the broker has done

    def happened(self) -> dict[str, Happened]:
        return {code: Happened(*row) for code, *row in self._rows("SELECT code, times, mark, at FROM broker_events")}

    def keep_happened(self, code: str, one: Happened) -> None:
        with self.transaction():
            self._do("INSERT OR REPLACE INTO broker_events VALUES (?, ?, ?, ?)", code, *astuple(one))

    # --- SQLite

    def _check_disk(self) -> None:
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < self._min_free_bytes:
            raise StoreFull(f"less than {self._min_free_bytes} bytes are free on the disk of the store")

    def _check_size(self) -> None:
        if self._used_pages() > self._intake_pages:
            raise StoreFull("the store has reached its size, store.max_bytes")

    def _used_pages(self) -> int:
        return self._value("PRAGMA page_count") - self._value("PRAGMA freelist_count")

    def _do(self, sql: str, *values: object) -> sqlite3.Cursor:
        with self._lock:
            try:
                return self._connection.execute(sql, values)
            except sqlite3.OperationalError as error:
                raise _translated(error) from error

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                raise _translated(error) from error

    def _value(self, sql: str, *values: object) -> Any:
        rows = self._rows(sql, *values)
        return rows[0][0] if rows else None


class Archive:
    """The same store for a reader beside the agent, running or not: it writes nothing and takes no lock."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise ConfigError(f"store.path: {path} cannot be opened as the agent's store ({error})") from error
        if version != SCHEMA_VERSION:
            raise ConfigError(f"store.path: its version is {version}, this program knows {SCHEMA_VERSION}")

    def close(self) -> None:
        self._connection.close()

    def kept(self, cti: bytes) -> Kept | None:
        rows = self._connection.execute(f"{_KEPT} WHERE e.cti = ?", (cti,)).fetchall()
        return _kept(rows[0]) if rows else None

    def chain(self, kid: bytes, first: int, last: int) -> Iterator[Kept]:
        """Every token that this key signed from one number to another, also those that were refused."""
        rows = self._connection.execute(
            f"{_KEPT} WHERE e.kid = ? AND e.seq BETWEEN ? AND ? ORDER BY e.seq, e.id", (kid, first, last)
        )
        return map(_kept, rows)

    def log(self, device: str) -> list[bytes]:
        """The signed statements of a terminal's flight log."""
        rows = self._connection.execute(
            "SELECT token FROM log_statements WHERE device = ? ORDER BY first, id", (device,)
        ).fetchall()
        return [token for (token,) in rows]

    def last_seq(self, kid: bytes) -> int:
        rows = self._connection.execute("SELECT coalesce(max(seq), 0) FROM evidence WHERE kid = ?", (kid,)).fetchall()
        return rows[0][0]


_KEPT = (
    "SELECT e.cti, e.sha256, e.device, e.kid, e.seq, e.prev, e.verdict, e.code, e.received_at, t.token, r.receipt,"
    " b.receipt FROM evidence e LEFT JOIN tokens t ON t.evidence_id = e.id"
    " LEFT JOIN receipted m ON m.evidence_id = e.id LEFT JOIN receipts r ON r.id = m.receipt_id"
    " LEFT JOIN backend_receipts b ON b.evidence_id = e.id"
)


def _kept(row: Sequence[Any]) -> Kept:
    cti, sha256, device, kid, seq, prev, verdict, *rest = row
    return Kept(cti, sha256, device, kid, seq, prev, Verdict(verdict), *rest)


_ORDER = "order_id, device, channel, nonce, iat, exp, state, code, cti, token, sheet"


def _lock(path: Path) -> Any:
    """One agent to a store: a second would answer the same orders and send the same outbox."""
    lock_file = path.with_name(path.name + ".lock").open("a")
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock_file.close()
        raise ConfigError(f"store.path: another agent uses {path}") from error
    return lock_file


def _open(path: Path) -> sqlite3.Connection:
    is_new = not path.exists()
    if is_new:
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # numbers of ended orders are overwritten, not only unlinked
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript("BEGIN;\n" + SCHEMA_PATH.read_text(encoding="utf-8") + "\nCOMMIT;")
    if version not in (0, SCHEMA_VERSION):
        raise sqlite3.DatabaseError(f"its version is {version}, this agent knows {SCHEMA_VERSION}")
    if is_new:
        _sync_folder(path.parent)
    return connection


def _sync_folder(folder: Path) -> None:
    """A file is only safe once the folder's entry is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translated(error: sqlite3.OperationalError) -> Exception:
    """What is wrong with the disk, in our words; the error itself when it is a mistake of ours."""
    primary_code = error.sqlite_errorcode & 0xFF
    if primary_code == sqlite3.SQLITE_FULL:
        return StoreFull(f"the store is full ({error.sqlite_errorname})")
    if primary_code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreFault(f"another process holds the store ({error.sqlite_errorname})")
    if primary_code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return StoreFault(f"the store cannot be written ({error.sqlite_errorname})")
    return error
