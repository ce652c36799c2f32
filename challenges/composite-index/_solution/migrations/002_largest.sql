CREATE INDEX entries_by_size ON entries (counterparty_id, state, amount DESC, id);
