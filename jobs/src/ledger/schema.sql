-- Times are milliseconds since the Unix epoch, UTC.

-- A run of a job: one row from the moment it is due. `state` is one of State::name.
CREATE TABLE IF NOT EXISTS runs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    job          TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    cause        TEXT    NOT NULL,      -- schedule | catch-up | manual | config
    scheduled_at INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,      -- of the present or last attempt, from 1
    not_before   INTEGER NOT NULL,      -- while scheduled: it starts no earlier
    started_at   INTEGER,
    ended_at     INTEGER,
    pid          INTEGER,               -- while running: the leader of the process group
    reason       TEXT                   -- why it did not succeed
) STRICT;
-- What is due by a schedule runs once, whoever asks and how often the clock passes it.
CREATE UNIQUE INDEX IF NOT EXISTS runs_once
    ON runs (job, scheduled_at) WHERE cause IN ('schedule', 'catch-up');
CREATE INDEX IF NOT EXISTS runs_open ON runs (state) WHERE state IN ('scheduled', 'running');
CREATE INDEX IF NOT EXISTS runs_of_job ON runs (job, id);

-- Attempts that ended and were followed by another.
CREATE TABLE IF NOT EXISTS attempts (
    run        INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    attempt    INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    started_at INTEGER,
    ended_at   INTEGER NOT NULL,
    reason     TEXT,
    PRIMARY KEY (run, attempt)
) STRICT;

-- All that is due up to here is in `runs`.
CREATE TABLE IF NOT EXISTS cursors (
    job   TEXT    PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT;

-- What is wrong with the daemon itself, as long as it is.
CREATE TABLE IF NOT EXISTS troubles (
    subject TEXT    PRIMARY KEY,
    since   INTEGER NOT NULL,
    text    TEXT    NOT NULL
) STRICT;

-- What is to be told, once a channel and key.
CREATE TABLE IF NOT EXISTS notices (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    channel    TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    message    TEXT    NOT NULL,        -- JSON of a Message
    state      TEXT    NOT NULL,        -- waiting | sent | given up
    attempt    INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    reason     TEXT,
    UNIQUE (channel, key)
) STRICT;
