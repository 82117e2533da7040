-- From version 2 to version 3 of the agent's store.

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

-- Made anew with one column more, `sheet`.
DROP INDEX orders_waiting;
ALTER TABLE orders RENAME TO orders_before;
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
INSERT INTO orders SELECT *, NULL FROM orders_before;
DROP TABLE orders_before;

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

PRAGMA user_version = 3;
