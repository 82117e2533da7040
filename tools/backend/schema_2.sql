-- From version 1 to version 2 of the books. The rows of the two tables set aside here are moved, encrypted, by store.py.

DROP INDEX registrations_order;
DROP INDEX registrations_msisdn;
ALTER TABLE registrations RENAME TO registrations_1;
ALTER TABLE identities RENAME TO identities_1;

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


CREATE TABLE receipts (
    cti     BLOB PRIMARY KEY REFERENCES evidence (cti),
    receipt BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE history_head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    length INTEGER NOT NULL,
    sha256 BLOB NOT NULL
) STRICT;

PRAGMA user_version = 2;
