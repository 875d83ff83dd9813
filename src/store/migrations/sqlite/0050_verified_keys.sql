-- The key that each account was last verified with, as a fingerprint, and whether Stripe itself named the account.
ALTER TABLE accounts ADD COLUMN key_fingerprint TEXT;
ALTER TABLE accounts ADD COLUMN proved INTEGER NOT NULL DEFAULT 0 CHECK (proved IN (0, 1));
