-- +goose Up
-- What the lists show of a verdict, so that no list has to decode one. Filled for
-- runs that ended earlier by the next migration, which is in Go.
ALTER TABLE runs ADD COLUMN outcome    TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN gate       TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN score      REAL NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN seconds    REAL NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN p95_before REAL NOT NULL DEFAULT 0; -- ms
ALTER TABLE runs ADD COLUMN p95_after  REAL NOT NULL DEFAULT 0; -- ms
ALTER TABLE runs ADD COLUMN ratio      REAL NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN low        REAL NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN high       REAL NOT NULL DEFAULT 0;

-- Covers the lists: the new columns lie behind files and verdict in a row, whose
-- pages would all be read on the way to them.
CREATE INDEX runs_listed ON runs (learner, challenge, number, seq, id, state, created_at, hypothesis, changed,
    outcome, gate, score, seconds, p95_before, p95_after, ratio, low, high);

-- Drafts in the order in which they were kept, whatever the clock did.
CREATE TABLE kept_drafts (
    seq       INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    learner   TEXT NOT NULL,
    challenge TEXT NOT NULL,
    kept_at   TEXT NOT NULL, -- RFC 3339
    files     TEXT NOT NULL  -- JSON: text by path
);
INSERT INTO kept_drafts (id, learner, challenge, kept_at, files) SELECT id, learner, challenge, kept_at, files FROM drafts ORDER BY rowid;
DROP TABLE drafts;
ALTER TABLE kept_drafts RENAME TO drafts;
CREATE INDEX drafts_by_challenge ON drafts (learner, challenge, seq);

-- +goose Down
DROP INDEX runs_listed;
ALTER TABLE runs DROP COLUMN high;
ALTER TABLE runs DROP COLUMN low;
ALTER TABLE runs DROP COLUMN ratio;
ALTER TABLE runs DROP COLUMN p95_after;
ALTER TABLE runs DROP COLUMN p95_before;
ALTER TABLE runs DROP COLUMN seconds;
ALTER TABLE runs DROP COLUMN score;
ALTER TABLE runs DROP COLUMN gate;
ALTER TABLE runs DROP COLUMN outcome;
