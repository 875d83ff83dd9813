-- What a backup carries of restores that its database had not accounted for, and which order numbers may be given already.

CREATE TABLE restores (
    id TEXT PRIMARY KEY,
    -- Milliseconds since the Unix epoch: from before the backup began, and when it was put back.
    taken INTEGER NOT NULL,
    restored INTEGER NOT NULL
) STRICT;

CREATE TABLE given_numbers (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    epoch TEXT NOT NULL,
    -- The highest number known when the restore was first looked at, and how many may have been given beyond it.
    base INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (tenant, mode, epoch)
) STRICT;

-- How often this database was opened to be served from; the folder remembers it too.
CREATE TABLE openings (count INTEGER NOT NULL) STRICT;
INSERT INTO openings (count) VALUES (0);
