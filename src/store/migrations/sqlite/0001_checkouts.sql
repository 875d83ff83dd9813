-- Sessions, attempts, orders, flags and learned accounts. Every row is keyed by (tenant, mode) first.
-- Moments are milliseconds since the Unix epoch. `body`, `charge` and `ended` are JSON.

CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    -- What form `body` has: a program reads the forms up to its own and refuses newer ones.
    schema INTEGER NOT NULL CHECK (schema >= 1),
    -- For people and queries; the state that counts is in `body`. The hosted states are allowed from the start,
    -- because SQLite cannot widen a CHECK without rebuilding the table.
    state TEXT NOT NULL CHECK (
        state IN (
            'open', 'ready', 'charging', 'frozen', 'completed', 'canceled', 'expired',
            'opening_hosted', 'awaiting_hosted', 'closing_hosted'
        )
    ),
    due_at INTEGER,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, mode, id)
) STRICT;

-- The sweeper's question, answered from the index alone and in its order.
CREATE INDEX sessions_due ON sessions (due_at, tenant, mode, id) WHERE due_at IS NOT NULL;

CREATE TABLE attempts (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    session TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    spt_hash TEXT NOT NULL CHECK (length(spt_hash) = 64),
    charge TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body TEXT NOT NULL,
    sealed_token TEXT,
    stripe_version TEXT NOT NULL,
    account TEXT NOT NULL,
    started INTEGER NOT NULL,
    repeat_until INTEGER NOT NULL,
    ended TEXT,
    PRIMARY KEY (tenant, mode, session, number),
    -- One token starts one attempt, ever: the hash stays after the token is erased.
    UNIQUE (tenant, mode, spt_hash),
    UNIQUE (tenant, mode, idempotency_key),
    FOREIGN KEY (tenant, mode, session) REFERENCES sessions (tenant, mode, id),
    -- A decided attempt is never sent again, so nothing of its token is kept but the hash.
    CHECK (ended IS NULL OR sealed_token IS NULL)
) STRICT;

CREATE UNIQUE INDEX attempts_one_undecided ON attempts (tenant, mode, session) WHERE ended IS NULL;

CREATE TABLE orders (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    id TEXT NOT NULL,
    session TEXT NOT NULL,
    payment_intent TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    permalink TEXT NOT NULL,
    -- Answered byte for byte to every repeat of a completed request.
    completion TEXT NOT NULL,
    PRIMARY KEY (tenant, mode, id),
    UNIQUE (tenant, mode, session),
    -- A payment ends on one order, or is flagged.
    UNIQUE (tenant, mode, payment_intent),
    FOREIGN KEY (tenant, mode, session) REFERENCES sessions (tenant, mode, id)
) STRICT;

CREATE TABLE flags (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    id TEXT NOT NULL,
    session TEXT NOT NULL,
    payment_intent TEXT NOT NULL,
    reason TEXT NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (tenant, mode, id),
    UNIQUE (tenant, mode, payment_intent),
    FOREIGN KEY (tenant, mode, session) REFERENCES sessions (tenant, mode, id)
) STRICT;

CREATE TABLE accounts (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    account TEXT NOT NULL,
    PRIMARY KEY (tenant, mode)
) STRICT;
