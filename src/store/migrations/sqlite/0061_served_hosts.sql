-- Which merchant was last served on which host, and since when: of two that claim one host, it is the one that has it.
CREATE TABLE served_hosts (
    host TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    since INTEGER NOT NULL
) STRICT;
