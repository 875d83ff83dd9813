-- What happened to each session, and how flags were dealt with. `entry` is JSON.

CREATE TABLE timeline (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    session TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    entry TEXT NOT NULL,
    PRIMARY KEY (tenant, mode, session, number),
    FOREIGN KEY (tenant, mode, session) REFERENCES sessions (tenant, mode, id)
) STRICT;

-- A flag is resolved once, in an operator's words.
ALTER TABLE flags ADD COLUMN resolution TEXT;
ALTER TABLE flags ADD COLUMN resolved INTEGER CHECK ((resolved IS NULL) = (resolution IS NULL));
