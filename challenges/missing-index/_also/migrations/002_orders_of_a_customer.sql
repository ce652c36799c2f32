-- The history has a table of its own, clustered by customer and time, so that a
-- page of it is one range of neighbouring rows. A trigger keeps it.
CREATE TABLE history (
    customer_id INTEGER NOT NULL,
    placed_at   INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    sku         TEXT    NOT NULL,
    quantity    INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    PRIMARY KEY (customer_id, placed_at, id)
) WITHOUT ROWID;

INSERT INTO history (customer_id, placed_at, id, status, sku, quantity, total)
SELECT customer_id, placed_at, id, status, sku, quantity, total
FROM orders ORDER BY customer_id, placed_at, id;

CREATE TRIGGER history_of_new_orders AFTER INSERT ON orders
BEGIN
    INSERT INTO history (customer_id, placed_at, id, status, sku, quantity, total)
    VALUES (new.customer_id, new.placed_at, new.id, new.status, new.sku, new.quantity, new.total);
END;
