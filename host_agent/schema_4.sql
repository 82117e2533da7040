-- From version 3 to version 4 of the agent's store.

-- What the broker did to us: how often in the alarm that stands, its own count as last seen, and when last. `at` is 0 when
-- nothing stands: then the row only tells what there is to expect.
CREATE TABLE broker_events (
    code  TEXT PRIMARY KEY,
    times INTEGER NOT NULL,
    mark  INTEGER NOT NULL,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 4;
