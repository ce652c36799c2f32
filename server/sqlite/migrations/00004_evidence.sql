-- +goose Up
-- What was taken of a run beside its verdict, of the newest runs alone.
CREATE TABLE evidence (
    run  TEXT NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL, -- before/cpu
    body BLOB NOT NULL,
    UNIQUE (run, name)
);

-- +goose Down
DROP TABLE evidence;
