CREATE TABLE customers (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE products (
    sku   TEXT PRIMARY KEY,
    name  TEXT NOT NULL,
    price INTEGER NOT NULL -- cents
) WITHOUT ROWID;

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    status      INTEGER NOT NULL, -- 0 delivered, 1 shipped, 2 paid, 3 placed, 4 cancelled
    placed_at   INTEGER NOT NULL, -- Unix seconds
    sku         TEXT    NOT NULL REFERENCES products (sku),
    quantity    INTEGER NOT NULL,
    total       INTEGER NOT NULL  -- cents
);
