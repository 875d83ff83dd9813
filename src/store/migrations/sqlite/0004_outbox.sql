-- What merchants are told of their orders, and how telling them went. `payload` is the text that is sent.

CREATE TABLE outbox (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    id TEXT NOT NULL,
    "order" TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('order.created', 'order.refunded', 'order.disputed', 'order.fulfilled')),
    payload TEXT NOT NULL,
    created INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'parked')),
    next_try INTEGER,
    -- Until when nobody else may claim it.
    leased_until INTEGER,
    tries INTEGER NOT NULL CHECK (tries >= 0),
    first_try INTEGER,
    last_try INTEGER,
    last_status INTEGER,
    last_error TEXT,
    PRIMARY KEY (tenant, mode, id),
    UNIQUE (tenant, mode, "order", sequence),
    FOREIGN KEY (tenant, mode, "order") REFERENCES orders (tenant, mode, id),
    CHECK ((state = 'pending') = (next_try IS NOT NULL))
) STRICT;

-- Who has something to be told, and which event of an order is the next.
CREATE INDEX outbox_due ON outbox (tenant, mode, next_try) WHERE state = 'pending';
CREATE INDEX outbox_pending ON outbox (tenant, mode, "order", sequence) WHERE state = 'pending';
-- A tenant's events as they are listed.
CREATE INDEX outbox_newest ON outbox (tenant, mode, created, id);
