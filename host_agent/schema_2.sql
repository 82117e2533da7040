-- From version 1 to version 2 of the agent's store.

CREATE TABLE receipts (
    evidence_id INTEGER PRIMARY KEY REFERENCES evidence (id),
    receipt     BLOB NOT NULL
) STRICT;

CREATE TABLE history_head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    length INTEGER NOT NULL,
    sha256 BLOB NOT NULL
) STRICT;

PRAGMA user_version = 2;
