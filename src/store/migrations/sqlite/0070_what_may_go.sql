-- What a session's row says of itself, so that nobody has to look for it elsewhere: whether it may go, and whether Stripe may
-- hold a payment of it that it does not account for.

-- Whether somebody tried to pay it: it has an attempt.
ALTER TABLE sessions ADD COLUMN tried INTEGER NOT NULL DEFAULT 0 CHECK (tried IN (0, 1));
UPDATE sessions SET tried = 1 WHERE EXISTS (
    SELECT 1 FROM attempts WHERE attempts.tenant = sessions.tenant AND attempts.mode = sessions.mode
                             AND attempts.session = sessions.id);

-- Whether a payment of it is still to be read that it was told of, or that an operator called unpaid. Whatever is still to be
-- read is due; what cannot be read says nothing of itself.
ALTER TABLE sessions ADD COLUMN unaccounted INTEGER NOT NULL DEFAULT 0 CHECK (unaccounted IN (0, 1));
UPDATE sessions SET unaccounted = 1 WHERE due_at IS NOT NULL AND CASE
    WHEN json_valid(body) THEN json_extract(body, '$.unexplained') IS NOT NULL
                            OR json_extract(body, '$.unconfirmed') IS NOT NULL
    ELSE 1
END;

-- A merchant's unpaid sessions that nobody tried to pay, and those that somebody did, the ones that end first in front.
DROP INDEX sessions_unpaid;
CREATE INDEX sessions_unpaid ON sessions (tenant, mode, tried, unpaid_end, created) WHERE unpaid_end IS NOT NULL;

-- Those that can still be paid, and those that name a person.
DROP INDEX sessions_unpaid_open;
CREATE INDEX sessions_unpaid_open ON sessions (tenant, mode, unpaid_end, created)
    WHERE unpaid_end IS NOT NULL AND state IN ('open', 'ready');

DROP INDEX sessions_unpaid_personal;
CREATE INDEX sessions_unpaid_personal ON sessions (tenant, mode, unpaid_end, created)
    WHERE unpaid_end IS NOT NULL AND personal = 1;

CREATE INDEX sessions_unaccounted ON sessions (tenant, mode, id) WHERE unaccounted = 1;
