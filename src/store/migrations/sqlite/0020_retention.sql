-- What ends unpaid goes away: when each session does, whether it names a person, how many there are, and which tokens
-- were used on sessions that are gone.

-- When the session ends or ended unpaid. Missing while a payment is undecided, once it is paid, and while Stripe has still
-- to be asked about it.
ALTER TABLE sessions ADD COLUMN unpaid_end INTEGER;
-- Whether `body` names a buyer or an address.
ALTER TABLE sessions ADD COLUMN personal INTEGER NOT NULL DEFAULT 1 CHECK (personal IN (0, 1));

UPDATE sessions SET unpaid_end = CASE
    WHEN json_extract(body, '$.unexplained') IS NOT NULL THEN NULL
    WHEN state IN ('open', 'ready') THEN json_extract(body, '$.expires')
    WHEN state IN ('canceled', 'expired') AND due_at IS NULL THEN coalesce(
        (SELECT max(json_extract(entry, '$.at')) FROM timeline
          WHERE timeline.tenant = sessions.tenant AND timeline.mode = sessions.mode AND timeline.session = sessions.id),
        json_extract(body, '$.expires'))
END;

-- A merchant's unpaid sessions, those that end first in front: all of them, those that are still open, and those that name
-- a person.
CREATE INDEX sessions_unpaid ON sessions (tenant, mode, unpaid_end) WHERE unpaid_end IS NOT NULL;
CREATE INDEX sessions_unpaid_open ON sessions (tenant, mode, unpaid_end)
    WHERE unpaid_end IS NOT NULL AND state IN ('open', 'ready');
CREATE INDEX sessions_unpaid_personal ON sessions (tenant, mode, unpaid_end)
    WHERE unpaid_end IS NOT NULL AND personal = 1;

-- How many a merchant has, kept by the triggers below, so that nobody counts them.
CREATE TABLE unpaid_sessions (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    still_open INTEGER NOT NULL CHECK (still_open >= 0),
    ended INTEGER NOT NULL CHECK (ended >= 0),
    PRIMARY KEY (tenant, mode)
) STRICT;

INSERT INTO unpaid_sessions (tenant, mode, still_open, ended)
SELECT tenant, mode, sum(state IN ('open', 'ready')), sum(state NOT IN ('open', 'ready'))
FROM sessions WHERE unpaid_end IS NOT NULL GROUP BY tenant, mode;

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

-- One token starts one attempt, ever: the hash outlives the session.
CREATE TABLE spent_tokens (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    spt_hash TEXT NOT NULL CHECK (length(spt_hash) = 64),
    session TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    ended TEXT NOT NULL,
    PRIMARY KEY (tenant, mode, spt_hash)
) STRICT;

CREATE INDEX flags_session ON flags (tenant, mode, session) WHERE resolved IS NULL;

-- Contents of order events that may be emptied, the longest untouched in front.
CREATE INDEX outbox_contents ON outbox (state, coalesce(last_try, created)) WHERE payload <> '';

-- The request of a decided attempt is never sent again, and may name the buyer.
UPDATE attempts SET body = '' WHERE ended IS NOT NULL;
