-- Believed: each column of the query wants an index of its own, and the database
-- puts them together.
-- Happens: one table is read through one index, and SQLite, which has no
-- statistics, takes the one on state: nearly every entry of the bank is settled.
CREATE INDEX entries_by_state ON entries (state);
CREATE INDEX entries_by_amount ON entries (amount DESC);
