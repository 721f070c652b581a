-- Archival signs each head of a partition's ledger (docs/ledger.md): with whose public key, and the
-- signature. NULL in entries from before there was a key.
ALTER TABLE ledger ADD COLUMN signer bytea, ADD COLUMN signature bytea;
