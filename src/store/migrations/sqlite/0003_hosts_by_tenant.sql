-- A merchant's hosts are found without reading the others'.
CREATE INDEX served_hosts_tenant ON served_hosts (tenant, mode);

-- Whether the merchant was removed since, or is served in its other mode.
ALTER TABLE served_configs ADD COLUMN removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1));
