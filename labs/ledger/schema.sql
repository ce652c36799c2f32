CREATE TABLE accounts (
    id    INTEGER PRIMARY KEY,
    owner TEXT NOT NULL
);

CREATE TABLE counterparties (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE entries (
    id              INTEGER PRIMARY KEY,
    account_id      INTEGER NOT NULL REFERENCES accounts (id),
    counterparty_id INTEGER NOT NULL REFERENCES counterparties (id),
    state           INTEGER NOT NULL, -- 0 settled, 1 pending, 2 returned
    amount          INTEGER NOT NULL, -- cents
    booked_at       INTEGER NOT NULL, -- Unix seconds; the night's batch shares one
    reference       TEXT    NOT NULL
);

CREATE INDEX entries_by_account ON entries (account_id, booked_at, id);
CREATE INDEX entries_by_counterparty ON entries (counterparty_id);
