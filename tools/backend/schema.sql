-- The operator's books. Only `identities` and `registrations.msisdn` are personal data in clear: this database belongs
-- on an encrypted disk and in no log, backup or report but the operator's own.

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
    cti      BLOB PRIMARY KEY REFERENCES evidence (cti),
    order_id TEXT NOT NULL,
    msisdn   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX registrations_order ON registrations (order_id);
CREATE INDEX registrations_msisdn ON registrations (msisdn);

-- NULL: the document has no such field. Empty: it is blank on the card.
CREATE TABLE identities (
    cti                  BLOB PRIMARY KEY REFERENCES registrations (cti),
    document             INTEGER NOT NULL, -- PROTOCOL.md section 3, results 1
    name                 TEXT NOT NULL,
    sex                  INTEGER NOT NULL,
    ethnicity            TEXT,
    birth_date           TEXT NOT NULL,
    address              TEXT,
    number               TEXT NOT NULL,
    authority            TEXT,
    valid_from           TEXT NOT NULL,
    valid_to             TEXT NOT NULL,
    additional_addresses TEXT NOT NULL, -- JSON array, in the reader's order
    photo                BLOB NOT NULL,
    english_name         TEXT,
    nationality          TEXT,
    travel_permit        TEXT,
    issue_count          TEXT,
    earlier_link         TEXT,
    accepting_authority  TEXT,
    card_version         TEXT,
    doubts               TEXT NOT NULL -- JSON array of warnings, host_agent/numbers.py
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

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
