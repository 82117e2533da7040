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

PRAGMA user_version = 3;
