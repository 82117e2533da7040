-- From version 3 to version 4 of the agent's store.

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
