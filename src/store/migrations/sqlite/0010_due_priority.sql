-- Due work is done by what is at stake, and in turn between tenants: payments first (0), then open pages (1), refunds (2),
-- readings of what is decided (3), and carts whose time is over (4).

ALTER TABLE sessions ADD COLUMN due_priority INTEGER NOT NULL DEFAULT 3 CHECK (due_priority BETWEEN 0 AND 4);
UPDATE sessions SET due_priority = CASE
    WHEN state IN ('charging', 'opening_hosted', 'closing_hosted') THEN 0
    WHEN state = 'awaiting_hosted' THEN 1
    WHEN state = 'completed' THEN 2
    WHEN state IN ('open', 'ready') THEN 4
    ELSE 3
END;

-- The sweeper's questions, answered from the index alone and in its order: whose sessions are due, and which.
DROP INDEX sessions_due;
CREATE INDEX sessions_due ON sessions (due_priority, tenant, mode, due_at, id) WHERE due_at IS NOT NULL;
