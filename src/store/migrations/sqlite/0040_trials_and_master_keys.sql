-- What is written to find out whether anything can be: one row, always of the same size and never of the same content.
CREATE TABLE write_trials (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    content BLOB NOT NULL
) STRICT;

-- Fingerprints of the master keys that this database was served with; the highest number is the last one's.
CREATE TABLE master_keys (
    fingerprint TEXT PRIMARY KEY,
    used INTEGER NOT NULL UNIQUE
) STRICT;
