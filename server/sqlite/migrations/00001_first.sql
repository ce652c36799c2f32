-- +goose Up
CREATE TABLE runs (
    seq        INTEGER PRIMARY KEY,        -- the order of submission
    id         TEXT    NOT NULL UNIQUE,
    learner    TEXT    NOT NULL,
    challenge  TEXT    NOT NULL,
    number     INTEGER NOT NULL,           -- from 1 for each learner and challenge
    state      TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done', 'stopped', 'failed')),
    attempt    INTEGER NOT NULL DEFAULT 0, -- how often grading was begun
    created_at TEXT    NOT NULL,           -- RFC 3339
    hypothesis TEXT    NOT NULL,
    changed    INTEGER NOT NULL,
    files      TEXT    NOT NULL,           -- JSON: text by path
    verdict    TEXT,                       -- JSON; set once, with a final state
    UNIQUE (learner, challenge, number)
);
CREATE INDEX runs_not_ended ON runs (seq) WHERE state IN ('queued', 'running');

CREATE TABLE events (
    run  TEXT    NOT NULL REFERENCES runs (id),
    seq  INTEGER NOT NULL, -- from 1, without gaps
    body TEXT    NOT NULL, -- JSON
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;

CREATE TABLE notes (
    learner   TEXT    NOT NULL,
    challenge TEXT    NOT NULL,
    answer    INTEGER,                    -- to the diagnosis; the first one
    hints     INTEGER NOT NULL DEFAULT 0, -- how many were opened
    PRIMARY KEY (learner, challenge)
) WITHOUT ROWID;

CREATE TABLE drafts (
    id        TEXT NOT NULL PRIMARY KEY,
    learner   TEXT NOT NULL,
    challenge TEXT NOT NULL,
    kept_at   TEXT NOT NULL, -- RFC 3339
    files     TEXT NOT NULL  -- JSON: text by path
);

-- +goose Down
DROP TABLE drafts;
DROP TABLE notes;
DROP TABLE events;
DROP TABLE runs;
