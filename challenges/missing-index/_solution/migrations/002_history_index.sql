-- A customer's orders, newest first: the columns of WHERE, then those of ORDER BY.
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC, id DESC);
