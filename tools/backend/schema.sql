-- The operator's books, version 2 (user_version). Nothing here is personal data in clear: identity data are encrypted, and
-- readable with the retention key only, which is a file of its own and in no backup of these books.

-- Every token taken into the books, unchanged, so that an inspector can verify it again.
CREATE TABLE evidence (
    sha256         BLOB PRIMARY KEY,
    payload_sha256 BLOB NOT NULL UNIQUE,
    cti            BLOB NOT NULL UNIQUE,
    nonce          BLOB NOT NULL UNIQUE,
    kid            BLOB NOT NULL,
    seq            INTEGER NOT NULL,
    prev           BLOB NOT NULL,
    device         TEXT NOT NULL,
    order_id       TEXT NOT NULL,
    channel        TEXT NOT NULL,
    iat            INTEGER NOT NULL,
    entered_at     INTEGER NOT NULL,
    token          BLOB NOT NULL,
    UNIQUE (kid, seq),
    UNIQUE (kid, prev)
) STRICT;

CREATE TABLE registrations (
    cti        BLOB PRIMARY KEY REFERENCES evidence (cti),
    order_id   TEXT NOT NULL,
    msisdn_tag BLOB -- HMAC of the number; NULL once the identity data are destroyed
) STRICT, WITHOUT ROWID;
CREATE INDEX registrations_order ON registrations (order_id);
CREATE INDEX registrations_msisdn ON registrations (msisdn_tag);

-- The record's own data key, wrapped by the retention key (retention.py), and the identity under it: deterministic CBOR.
CREATE TABLE identities (
    cti     BLOB PRIMARY KEY REFERENCES registrations (cti),
    wrapped BLOB NOT NULL,
    sealed  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Which retention key these books are written with.
CREATE TABLE retention (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    key_id BLOB NOT NULL
) STRICT;

-- Signed: whose identity data were destroyed, and which seal keys.
CREATE TABLE deletions (
    cti    BLOB PRIMARY KEY REFERENCES registrations (cti),
    record BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE destroyed_seal_keys (
    kid    BLOB PRIMARY KEY,
    record BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Customers whom the terminal turned away, with its code.
CREATE TABLE refusals (
    cti  BLOB PRIMARY KEY REFERENCES evidence (cti),
    code TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Tokens that we did not take, with our code. They may be sent again: they are judged anew.
CREATE TABLE rejected (
    sha256  BLOB NOT NULL,
    code    TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    times   INTEGER NOT NULL,
    PRIMARY KEY (sha256, code)
) STRICT, WITHOUT ROWID;

-- Our receipt as the agent got it, signed in the same transaction. What was entered under version 1 has none.
CREATE TABLE receipts (
    cti     BLOB PRIMARY KEY REFERENCES evidence (cti),
    receipt BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- How long the history of the device registry was when we last read it, and the hash of its last record.
CREATE TABLE history_head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    length INTEGER NOT NULL,
    sha256 BLOB NOT NULL
) STRICT;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
