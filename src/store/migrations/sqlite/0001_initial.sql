-- The schema of a gateway's database. Every row names its tenant: merchant and mode.
-- Moments are milliseconds since the Unix epoch. `body`, `expected`, `ended`, `entry` and `payload` are JSON.
-- A rule that money depends on is a constraint here as well.

-- A checkout. `body` is JSON; the other columns repeat parts of it for queries.
CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    -- What form `body` has: a program reads the forms up to its own and refuses newer ones.
    schema INTEGER NOT NULL CHECK (schema >= 1),
    -- For people and queries; the state that counts is in `body`, so its names are not repeated here.
    state TEXT NOT NULL CHECK (state <> ''),
    due_at INTEGER,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    due_priority INTEGER NOT NULL DEFAULT 3 CHECK (due_priority BETWEEN 0 AND 4),
    unpaid_end INTEGER,
    personal INTEGER NOT NULL DEFAULT 1 CHECK (personal IN (0, 1)),
    tried INTEGER NOT NULL DEFAULT 0 CHECK (tried IN (0, 1)),
    unaccounted INTEGER NOT NULL DEFAULT 0 CHECK (unaccounted IN (0, 1)),
    PRIMARY KEY (tenant, mode, id)
) STRICT;
CREATE INDEX sessions_due ON sessions (due_priority, tenant, mode, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX sessions_unpaid ON sessions (tenant, mode, tried, unpaid_end, created) WHERE unpaid_end IS NOT NULL;
CREATE INDEX sessions_unpaid_open ON sessions (tenant, mode, unpaid_end, created)
    WHERE unpaid_end IS NOT NULL AND state IN ('open', 'ready');
CREATE INDEX sessions_unpaid_personal ON sessions (tenant, mode, unpaid_end, created)
    WHERE unpaid_end IS NOT NULL AND personal = 1;
CREATE INDEX sessions_unaccounted ON sessions (tenant, mode, id) WHERE unaccounted = 1;

-- One try to pay a checkout: the stored request and how it ended.
CREATE TABLE attempts (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    session TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    -- Missing where the attempt opens a page.
    spt_hash TEXT CHECK (length(spt_hash) = 64),
    expected TEXT NOT NULL,
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
    CHECK (ended IS NULL OR sealed_token IS NULL),
    CHECK (spt_hash IS NOT NULL OR sealed_token IS NULL)
) STRICT;
CREATE UNIQUE INDEX attempts_one_undecided ON attempts (tenant, mode, session) WHERE ended IS NULL;

-- Tokens of checkouts that were removed: a token starts one attempt, ever.
CREATE TABLE spent_tokens (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    spt_hash TEXT NOT NULL CHECK (length(spt_hash) = 64),
    session TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    ended TEXT NOT NULL,
    PRIMARY KEY (tenant, mode, spt_hash)
) STRICT;

-- What was paid.
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
    number INTEGER,
    PRIMARY KEY (tenant, mode, id),
    UNIQUE (tenant, mode, session),
    -- A payment ends on one order, or is flagged.
    UNIQUE (tenant, mode, payment_intent),
    FOREIGN KEY (tenant, mode, session) REFERENCES sessions (tenant, mode, id)
) STRICT;
CREATE UNIQUE INDEX orders_number ON orders (tenant, mode, number);

-- The stored requests for refunds.
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

-- What happened to a checkout, in order.
CREATE TABLE timeline (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    session TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    entry TEXT NOT NULL,
    PRIMARY KEY (tenant, mode, session, number),
    FOREIGN KEY (tenant, mode, session) REFERENCES sessions (tenant, mode, id)
) STRICT;

-- Payments that an operator must look at.
CREATE TABLE flags (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    id TEXT NOT NULL,
    session TEXT NOT NULL,
    payment_intent TEXT NOT NULL,
    reason TEXT NOT NULL,
    seen INTEGER NOT NULL,
    resolution TEXT,
    resolved INTEGER CHECK ((resolved IS NULL) = (resolution IS NULL)),
    PRIMARY KEY (tenant, mode, id),
    UNIQUE (tenant, mode, payment_intent)
) STRICT;
CREATE INDEX flags_session ON flags (tenant, mode, session) WHERE resolved IS NULL;

-- Order events, and how their delivery stands.
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
CREATE INDEX outbox_due ON outbox (tenant, mode, next_try) WHERE state = 'pending';
CREATE INDEX outbox_pending ON outbox (tenant, mode, "order", sequence) WHERE state = 'pending';
CREATE INDEX outbox_newest ON outbox (tenant, mode, created, id);
CREATE INDEX outbox_contents ON outbox (state, coalesce(last_try, created)) WHERE payload <> '';

-- Stripe's webhooks, until they are followed.
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
CREATE INDEX stripe_events_waiting ON stripe_events (received, tenant, mode, id) WHERE state = 'waiting';
CREATE INDEX stripe_events_received ON stripe_events (received);
CREATE INDEX stripe_events_latest ON stripe_events (tenant, mode, received, id);

-- The Stripe account of each merchant, and by which key it was verified.
CREATE TABLE accounts (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    account TEXT NOT NULL,
    key_fingerprint TEXT,
    verified_by_stripe INTEGER NOT NULL DEFAULT 0 CHECK (verified_by_stripe IN (0, 1)),
    PRIMARY KEY (tenant, mode)
) STRICT;

-- Which merchant was served last on each host.
CREATE TABLE served_hosts (
    host TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    since INTEGER NOT NULL
) STRICT;

-- How many unpaid checkouts each merchant has; kept by the triggers below.
CREATE TABLE unpaid_sessions (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    still_open INTEGER NOT NULL CHECK (still_open >= 0),
    ended INTEGER NOT NULL CHECK (ended >= 0),
    PRIMARY KEY (tenant, mode)
) STRICT;

CREATE TRIGGER unpaid_session_made AFTER INSERT ON sessions WHEN NEW.unpaid_end IS NOT NULL
BEGIN
    INSERT INTO unpaid_sessions (tenant, mode, still_open, ended)
    VALUES (NEW.tenant, NEW.mode, NEW.state IN ('open', 'ready'), NEW.state NOT IN ('open', 'ready'))
    ON CONFLICT (tenant, mode) DO UPDATE
    SET still_open = still_open + excluded.still_open, ended = ended + excluded.ended;
END;

CREATE TRIGGER unpaid_session_gone AFTER DELETE ON sessions WHEN OLD.unpaid_end IS NOT NULL
BEGIN
    UPDATE unpaid_sessions SET still_open = still_open - (OLD.state IN ('open', 'ready')),
                               ended = ended - (OLD.state NOT IN ('open', 'ready'))
    WHERE tenant = OLD.tenant AND mode = OLD.mode;
END;

CREATE TRIGGER unpaid_session_changed AFTER UPDATE OF state, unpaid_end ON sessions
WHEN (OLD.unpaid_end IS NULL) <> (NEW.unpaid_end IS NULL)
  OR (OLD.state IN ('open', 'ready')) <> (NEW.state IN ('open', 'ready'))
BEGIN
    INSERT INTO unpaid_sessions (tenant, mode, still_open, ended) VALUES (NEW.tenant, NEW.mode, 0, 0)
    ON CONFLICT (tenant, mode) DO NOTHING;
    UPDATE unpaid_sessions
    SET still_open = still_open - (OLD.unpaid_end IS NOT NULL AND OLD.state IN ('open', 'ready'))
                                + (NEW.unpaid_end IS NOT NULL AND NEW.state IN ('open', 'ready')),
        ended = ended - (OLD.unpaid_end IS NOT NULL AND OLD.state NOT IN ('open', 'ready'))
                      + (NEW.unpaid_end IS NOT NULL AND NEW.state NOT IN ('open', 'ready'))
    WHERE tenant = NEW.tenant AND mode = NEW.mode;
END;

-- In a backup only: when it was taken.
CREATE TABLE backups (
    -- Milliseconds since the Unix epoch, from before the copy began.
    taken INTEGER NOT NULL
) STRICT;

-- Each restore of this database.
CREATE TABLE restores (
    id TEXT PRIMARY KEY,
    -- Milliseconds since the Unix epoch: from before the backup began, and when it was put back.
    taken INTEGER NOT NULL,
    restored INTEGER NOT NULL
) STRICT;

-- Which merchants have accounted for which restore.
CREATE TABLE reconciliations (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    marker TEXT NOT NULL,
    PRIMARY KEY (tenant, mode, marker)
) STRICT;

-- Order numbers that may have been given between a backup and its restore.
CREATE TABLE given_numbers (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    marker TEXT NOT NULL,
    -- The highest number known when the restore was first looked at, and how many may have been given beyond it.
    base INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (tenant, mode, marker)
) STRICT;

-- How often this database was opened.
CREATE TABLE openings (count INTEGER NOT NULL) STRICT;

-- Written by the readiness probe.
CREATE TABLE write_trials (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    content BLOB NOT NULL
) STRICT;

-- Fingerprints of the master keys that were used, the latest last.
CREATE TABLE master_keys (
    fingerprint TEXT PRIMARY KEY,
    used INTEGER NOT NULL UNIQUE
) STRICT;

INSERT INTO openings (count) VALUES (0);
