CREATE TABLE people (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE sources (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE dashboards (
    id    INTEGER PRIMARY KEY,
    title TEXT NOT NULL
);

CREATE TABLE widgets (
    id           INTEGER PRIMARY KEY,
    dashboard_id INTEGER NOT NULL REFERENCES dashboards (id),
    slot         INTEGER NOT NULL, -- 1 is top left
    title        TEXT    NOT NULL,
    owner_id     INTEGER NOT NULL REFERENCES people (id),
    source_id    INTEGER NOT NULL REFERENCES sources (id)
);
CREATE UNIQUE INDEX widgets_by_dashboard ON widgets (dashboard_id, slot);

-- Not every widget has a threshold.
CREATE TABLE thresholds (
    widget_id INTEGER PRIMARY KEY REFERENCES widgets (id),
    warn      INTEGER NOT NULL
);

-- Few widgets have a note.
CREATE TABLE notes (
    widget_id INTEGER PRIMARY KEY REFERENCES widgets (id),
    body      TEXT NOT NULL
);

-- A widget shows its newest reading and its highest. A new widget has none.
CREATE TABLE readings (
    widget_id INTEGER NOT NULL REFERENCES widgets (id),
    minute    INTEGER NOT NULL,
    value     INTEGER NOT NULL,
    PRIMARY KEY (widget_id, minute)
) WITHOUT ROWID;
