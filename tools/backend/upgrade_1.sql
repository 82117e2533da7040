-- Books of version 1, which knew resident cards only, become version 2: by a new table, as SQLite cannot drop NOT NULL.
ALTER TABLE identities RENAME TO identities_1;

CREATE TABLE identities (
    cti                  BLOB PRIMARY KEY REFERENCES registrations (cti),
    document             INTEGER NOT NULL,
    name                 TEXT NOT NULL,
    sex                  INTEGER NOT NULL,
    ethnicity            TEXT,
    birth_date           TEXT NOT NULL,
    address              TEXT,
    number               TEXT NOT NULL,
    authority            TEXT,
    valid_from           TEXT NOT NULL,
    valid_to             TEXT NOT NULL,
    additional_addresses TEXT NOT NULL,
    photo                BLOB NOT NULL,
    english_name         TEXT,
    nationality          TEXT,
    travel_permit        TEXT,
    issue_count          TEXT,
    earlier_link         TEXT,
    accepting_authority  TEXT,
    card_version         TEXT,
    doubts               TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO identities (cti, document, name, sex, ethnicity, birth_date, address, number, authority, valid_from, valid_to,
                        additional_addresses, photo, doubts)
SELECT cti, 1, name, sex, ethnicity, birth_date, address, number, authority, valid_from, valid_to,
       additional_addresses, photo, '[]'
FROM identities_1;

DROP TABLE identities_1;

PRAGMA user_version = 2;
