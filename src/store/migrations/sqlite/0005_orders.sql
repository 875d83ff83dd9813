-- Orders get a number of their merchant's own, and refunds are kept as they are asked for.

ALTER TABLE orders ADD COLUMN number INTEGER;
UPDATE orders SET number = 1000 + (
    SELECT count(*) FROM orders AS earlier
    WHERE earlier.tenant = orders.tenant AND earlier.mode = orders.mode
      AND (earlier.created, earlier.id) <= (orders.created, orders.id)
);
CREATE UNIQUE INDEX orders_number ON orders (tenant, mode, number);

CREATE TABLE refunds (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    session TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    -- Minor units, and ISO 4217 in lower case.
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body TEXT NOT NULL,
    stripe_version TEXT NOT NULL,
    account TEXT NOT NULL,
    started INTEGER NOT NULL,
    repeat_until INTEGER NOT NULL,
    PRIMARY KEY (tenant, mode, session, number),
    UNIQUE (tenant, mode, idempotency_key),
    FOREIGN KEY (tenant, mode, session) REFERENCES sessions (tenant, mode, id)
) STRICT;
