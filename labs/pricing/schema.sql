CREATE TABLE rules (
    shop    INTEGER NOT NULL,
    number  INTEGER NOT NULL, -- from 1 within the shop; lower ones come first
    pattern TEXT    NOT NULL, -- a regular expression over the SKU
    percent INTEGER NOT NULL,
    note    TEXT    NOT NULL, -- a template: what the customer reads
    PRIMARY KEY (shop, number)
) WITHOUT ROWID;

CREATE TABLE carts (
    shop    INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    voucher INTEGER NOT NULL, -- cents off the whole cart
    PRIMARY KEY (shop, number)
) WITHOUT ROWID;

CREATE TABLE lines (
    shop     INTEGER NOT NULL,
    cart     INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    sku      TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    quantity INTEGER NOT NULL,
    price    INTEGER NOT NULL, -- cents for one
    PRIMARY KEY (shop, cart, number),
    FOREIGN KEY (shop, cart) REFERENCES carts (shop, number)
) WITHOUT ROWID;
