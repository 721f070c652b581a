-- A dead letter that will not be processed: when an operator said so, and why.
ALTER TABLE dead_letters ADD COLUMN discarded_at timestamptz, ADD COLUMN discard_reason text;
