-- When this copy of the database was taken, where it is a backup; and which restores are accounted for.

CREATE TABLE backups (
    -- Milliseconds since the Unix epoch, from before the copy began.
    taken INTEGER NOT NULL
) STRICT;

CREATE TABLE reconciliations (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    epoch TEXT NOT NULL,
    PRIMARY KEY (tenant, mode, epoch)
) STRICT;

-- A flag may name a session that a restored database never had, so it no longer refers to its row.
CREATE TABLE flags_anew (
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
INSERT INTO flags_anew SELECT tenant, mode, id, session, payment_intent, reason, seen, resolution, resolved FROM flags;
DROP TABLE flags;
ALTER TABLE flags_anew RENAME TO flags;
