-- Believed: the history is sorted by date, so an index by date is what it needs.
-- Happens: SQLite walks the whole shop's orders from the newest until it has 20
-- of this customer. A rare customer has none for a long way.
CREATE INDEX orders_by_date ON orders (placed_at DESC, id DESC);
