-- Events that Stripe has sent and signed: what each is about, and never what it says of it.

CREATE TABLE stripe_events (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    -- Stripe's own, the same in every copy of an event.
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT,
    -- As the event names it: there may be no such session here, so it refers to none.
    session TEXT,
    payment_intent TEXT,
    received INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'followed', 'ignored')),
    PRIMARY KEY (tenant, mode, id)
) STRICT;

-- What is to be followed, in the order in which it is.
CREATE INDEX stripe_events_waiting ON stripe_events (received, tenant, mode, id) WHERE state = 'waiting';
-- What is old enough to be forgotten, and a tenant's events as they are listed.
CREATE INDEX stripe_events_received ON stripe_events (received);
CREATE INDEX stripe_events_latest ON stripe_events (tenant, mode, received, id);
