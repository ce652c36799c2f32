-- Holds all that the page shows, so that the table is not visited at all.
CREATE INDEX entries_by_size ON entries (
    counterparty_id, state, amount DESC, id, account_id, booked_at, reference
);
