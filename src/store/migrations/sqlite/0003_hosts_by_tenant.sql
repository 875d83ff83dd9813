-- A merchant's hosts are found without reading the others'.
CREATE INDEX served_hosts_tenant ON served_hosts (tenant, mode);
