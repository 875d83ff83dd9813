-- An attempt that opens a page at Stripe has no token: `spt_hash` may be missing. SQLite cannot loosen a column, so the
-- table is made anew.

CREATE TABLE attempts_anew (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    session TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    -- Missing where the attempt opens a page.
    spt_hash TEXT CHECK (length(spt_hash) = 64),
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
    CHECK (ended IS NULL OR sealed_token IS NULL),
    CHECK (spt_hash IS NOT NULL OR sealed_token IS NULL)
) STRICT;

INSERT INTO attempts_anew SELECT * FROM attempts;
DROP TABLE attempts;
ALTER TABLE attempts_anew RENAME TO attempts;

CREATE UNIQUE INDEX attempts_one_undecided ON attempts (tenant, mode, session) WHERE ended IS NULL;
