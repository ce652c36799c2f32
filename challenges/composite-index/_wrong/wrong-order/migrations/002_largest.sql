-- Believed: the page is sorted by amount, so the index begins with the amount.
-- Happens: the entries of one counterparty are spread over the whole of it, so
-- SQLite goes on with the old index and sorts.
CREATE INDEX entries_by_size ON entries (amount DESC, state, counterparty_id);
