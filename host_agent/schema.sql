-- The agent's store, version 4 (user_version). Times are seconds since 1970. Nothing here is identity data in clear.

-- `token` is the signed order; of a pre-issued one, which is on a `sheet`, its entry there. It carries the number to
-- register, so it goes as soon as the order has ended.
CREATE TABLE orders (
    order_id   TEXT PRIMARY KEY,
    device     TEXT NOT NULL,
    channel    TEXT NOT NULL,
    nonce      BLOB NOT NULL UNIQUE,
    iat        INTEGER NOT NULL,
    exp        INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'attested', 'accepted', 'refused', 'expired')),
    code       TEXT,
    cti        BLOB,
    token      BLOB,
    sheet      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_waiting ON orders (device, iat) WHERE state = 'waiting';

-- Every token signed by a registered key for its own terminal, accepted or refused (verdict 1 or 3, `code`).
-- `reason` is the terminal's own: it refused the customer.
CREATE TABLE evidence (
    id             INTEGER PRIMARY KEY,
    cti            BLOB NOT NULL UNIQUE,
    sha256         BLOB NOT NULL UNIQUE,
    payload_sha256 BLOB NOT NULL UNIQUE,
    device         TEXT NOT NULL,
    kid            BLOB NOT NULL,
    seq            INTEGER NOT NULL,
    prev           BLOB NOT NULL,
    order_id       TEXT NOT NULL,
    reason         TEXT,
    verdict        INTEGER NOT NULL,
    code           TEXT,
    received_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX evidence_refused ON evidence (code) WHERE verdict = 3;

-- The bytes, unchanged. Those that the backend holds too are given up, oldest first, when the store is full.
CREATE TABLE tokens (
    evidence_id INTEGER PRIMARY KEY REFERENCES evidence (id),
    token       BLOB NOT NULL
) STRICT;

-- The first token seen at each place of each key's chain, whatever became of it.
CREATE TABLE chain (
    kid    BLOB NOT NULL,
    seq    INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    prev   BLOB NOT NULL,
    PRIMARY KEY (kid, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX chain_prev ON chain (kid, prev);

CREATE TABLE outbox (
    evidence_id INTEGER PRIMARY KEY REFERENCES evidence (id),
    not_before  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Our own receipts to the terminals, as they were first signed, in the same transaction as their tokens: one for several.
CREATE TABLE receipts (
    id      INTEGER PRIMARY KEY,
    receipt BLOB NOT NULL
) STRICT;

CREATE TABLE receipted (
    evidence_id INTEGER PRIMARY KEY REFERENCES evidence (id),
    receipt_id  INTEGER NOT NULL REFERENCES receipts (id)
) STRICT;

CREATE TABLE backend_receipts (
    evidence_id INTEGER PRIMARY KEY REFERENCES evidence (id),
    receipt     BLOB NOT NULL,
    verdict     INTEGER NOT NULL,
    code        TEXT,
    received_at INTEGER NOT NULL
) STRICT;

-- What could not be verified, or came from elsewhere than its signer. Bounded for each device and hour (store.py):
-- what is beyond that is counted in one row with an empty sha256.
CREATE TABLE refusals (
    device      TEXT NOT NULL,
    hour        INTEGER NOT NULL,
    code        TEXT NOT NULL,
    sha256      BLOB NOT NULL,
    size_bytes  INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    head        BLOB NOT NULL,
    PRIMARY KEY (device, hour, code, sha256)
) STRICT;
CREATE INDEX refusals_age ON refusals (received_at);

-- How long the history of the device registry was when we last read it, and the hash of its last record: one that is
-- shorter, or another, is not believed.
CREATE TABLE history_head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    length INTEGER NOT NULL,
    sha256 BLOB NOT NULL
) STRICT;

-- Flight logs: signed statements, unchanged, of the terminals' other events.
CREATE TABLE log_statements (
    id          INTEGER PRIMARY KEY,
    sha256      BLOB NOT NULL UNIQUE,
    device      TEXT NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    bootcount   INTEGER NOT NULL,
    token       BLOB NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX log_statements_device ON log_statements (device, first);

-- Every entry that has come at each place of each terminal's log: more than one is an alarm.
CREATE TABLE log_entries (
    device TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    prev   BLOB NOT NULL,
    PRIMARY KEY (device, seq, sha256)
) STRICT, WITHOUT ROWID;

-- Numbers that a terminal has said, signed, it does not have any more.
CREATE TABLE log_dropped (
    device TEXT NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (device, first, last)
) STRICT, WITHOUT ROWID;

-- Until somebody takes them off.
CREATE TABLE alarms (
    device    TEXT NOT NULL,
    code      TEXT NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    raised_at INTEGER NOT NULL,
    PRIMARY KEY (device, code, first)
) STRICT, WITHOUT ROWID;

-- What the broker did to us: how often in the alarm that stands, its own count as last seen, and when last. `at` is 0 when
-- nothing stands: then the row only tells what there is to expect.
CREATE TABLE broker_events (
    code  TEXT PRIMARY KEY,
    times INTEGER NOT NULL,
    mark  INTEGER NOT NULL,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Pre-issued orders go to their terminal in sheets. `token` is the signed sheet until the terminal has said that it keeps
-- it (`kept_at`), or it has run out.
CREATE TABLE sheets (
    device  TEXT NOT NULL,
    number  INTEGER NOT NULL,
    iat     INTEGER NOT NULL,
    exp     INTEGER NOT NULL,
    kept_at INTEGER,
    token   BLOB,
    PRIMARY KEY (device, number)
) STRICT, WITHOUT ROWID;

-- Every epoch that was published, for good: 105,120 a year at one in five minutes.
CREATE TABLE epochs (
    id  BLOB PRIMARY KEY,
    iat INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The rotation of each terminal's key that was asked for last: the signed request, then the terminal's statement.
CREATE TABLE key_changes (
    device    TEXT PRIMARY KEY,
    kid       BLOB NOT NULL,
    request   BLOB NOT NULL,
    exp       INTEGER NOT NULL,
    statement BLOB,
    new_kid   BLOB,
    begins    INTEGER,
    ends      INTEGER,
    used_at   INTEGER
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 4;
