-- Believed: the orders table is large and has no index, so any index on it helps.
-- Happens: the history does not ask for a status, and half of all orders share
-- one. The plan stays a scan.
CREATE INDEX orders_by_status ON orders (status);
