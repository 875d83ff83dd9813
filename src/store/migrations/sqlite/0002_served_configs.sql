-- The configuration that each merchant was last served with, as the text of its file: references to secrets, no secrets.
CREATE TABLE served_configs (
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    config TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (tenant, mode)
) STRICT;
