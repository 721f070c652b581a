-- The permanent record. Written by archival alone, read by the portal. Case numbers are the 63-bit
-- numbers of domain/case_number.h; texts and contacts are sealed, here as everywhere.

-- The offset after the last message stored, for each partition of each topic: moved by
-- compare-and-set in the transaction that writes the rows.
CREATE TABLE offsets (
  topic     text   NOT NULL,
  partition int    NOT NULL,
  next      bigint NOT NULL,
  PRIMARY KEY (topic, partition)
);

-- ---- what citizens sent

CREATE TABLE epochs (
  id                       bytea PRIMARY KEY,
  started_at               timestamptz NOT NULL,
  text_for_classification  bytea NOT NULL,
  text_for_officer            bytea NOT NULL,
  contact_for_notification bytea NOT NULL,
  contact_for_officer         bytea NOT NULL
);

CREATE TABLE grievances (
  number            bigint PRIMARY KEY,
  received_at       timestamptz NOT NULL,
  channel           text  NOT NULL,
  sender            text  NOT NULL,       -- whose system sent it; '': nobody's
  service_code      text  NOT NULL,
  declared_language text  NOT NULL,
  lat               double precision,
  lon               double precision,
  area_code         text  NOT NULL,
  receipt_hash      bytea NOT NULL,
  idempotency_key           bytea NOT NULL,
  fingerprint       bytea NOT NULL,
  sealed_text       bytea NOT NULL,
  sealed_contact    bytea NOT NULL,
  epoch             bytea NOT NULL,       -- its id
  key_digest        bytea NOT NULL,       -- of the row of case_keys, which may be erased
  source_partition  int    NOT NULL,
  source_offset     bigint NOT NULL
);
CREATE INDEX grievances_source ON grievances USING brin (source_offset);

-- Deleting a row here erases the person: text and contact can no longer be read by anybody.
CREATE TABLE case_keys (
  number      bigint PRIMARY KEY,
  epoch_id    bytea NOT NULL,
  text_key    bytea NOT NULL,
  contact_key bytea NOT NULL,
  text_for_receipt bytea NOT NULL         -- the text key for whoever holds the receipt code
);

-- What redress-erase did. It stays, as the sealed data do.
CREATE TABLE erasures (
  number    bigint PRIMARY KEY,
  at        timestamptz NOT NULL DEFAULT now(),
  erased_by text NOT NULL,                -- as the command was told
  db_user   text NOT NULL DEFAULT session_user,
  reason    text NOT NULL
);

-- ---- what happened

-- version 1..n of each case, each exactly once; body is the CaseEvent as it was published.
CREATE TABLE case_events (
  number           bigint NOT NULL,
  version          int    NOT NULL,
  at               timestamptz NOT NULL,
  kind             text   NOT NULL,
  status           text   NOT NULL,
  actor_kind       smallint NOT NULL,
  actor            text   NOT NULL,
  source_partition int    NOT NULL,
  source_offset    bigint NOT NULL,
  entry            bigint NOT NULL,       -- where it is sealed: ledger.sequence of its partition,
  leaf             int    NOT NULL,       -- and its place there
  body             bytea  NOT NULL,
  PRIMARY KEY (number, version, at)
) PARTITION BY RANGE (at);
CREATE INDEX case_events_source ON case_events USING brin (source_offset);
CREATE INDEX case_events_at ON case_events USING brin (at);  -- what happened in a time

-- Commands that were refused: version 0, no part of the history.
CREATE TABLE refusals (
  source_partition int    NOT NULL,
  source_offset    bigint NOT NULL,
  number           bigint NOT NULL,
  at               timestamptz NOT NULL,
  command          text   NOT NULL,
  actor            text   NOT NULL,
  reason           text   NOT NULL,
  PRIMARY KEY (source_partition, source_offset)
);
CREATE INDEX refusals_number ON refusals (number);

-- The current state: the fold of each case's events. state is the CaseState as in the hot view.
CREATE TABLE cases (
  number           bigint PRIMARY KEY,
  version          int    NOT NULL,
  status           text   NOT NULL,
  category         text   NOT NULL,
  confidence       real   NOT NULL,       -- of the category, 0..1
  office           text   NOT NULL,
  agency           text   NOT NULL,
  deadline         timestamptz,           -- NULL: no clock is running
  opened_at        timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  language         text   NOT NULL,
  channel          text   NOT NULL,
  urgency          smallint NOT NULL,
  escalation_level int    NOT NULL,
  triage           boolean NOT NULL,
  alias_of         bigint,                -- the case that lives on
  state            bytea  NOT NULL
);
CREATE INDEX cases_due ON cases (office, deadline, number) WHERE deadline IS NOT NULL;
CREATE INDEX cases_alias ON cases (alias_of) WHERE alias_of IS NOT NULL;
CREATE INDEX cases_office ON cases (office, opened_at DESC, number DESC);

-- ---- what citizens and offices were told

-- One row for every attempt and its outcome, begun with the first: what became of each message is its
-- last row. A message is one event told to one recipient.
CREATE TABLE notification_outcomes (
  number        bigint NOT NULL,
  event_version int    NOT NULL,
  recipient     text   NOT NULL,          -- citizen, office
  source_partition int  NOT NULL,
  source_offset bigint NOT NULL,          -- in that partition of notifications.outcomes
  kind          text   NOT NULL,          -- of event
  channel       text   NOT NULL,
  delivery      text   NOT NULL,          -- trying, delivered, failed
  attempts      int    NOT NULL,
  first_at      timestamptz NOT NULL,
  at            timestamptz NOT NULL,
  next_at       timestamptz,
  reason        text   NOT NULL,
  provider_id   text   NOT NULL,
  PRIMARY KEY (number, event_version, recipient, source_offset)
);

CREATE INDEX notification_outcomes_source ON notification_outcomes USING brin (source_offset);

-- The last one of each message. An office is told of an emergency by several channels; of other messages
-- the channel is known from the first attempt on.
CREATE VIEW notifications AS
  SELECT DISTINCT ON (number, event_version, recipient, channel) *
  FROM notification_outcomes o
  WHERE channel <> '' OR NOT EXISTS (
    SELECT FROM notification_outcomes later
    WHERE later.number = o.number AND later.event_version = o.event_version
      AND later.recipient = o.recipient AND later.channel <> '')
  ORDER BY number, event_version, recipient, channel, source_offset DESC;

-- ---- what could not be processed

CREATE TABLE dead_letters (
  dead_topic   text   NOT NULL,
  dead_offset  bigint NOT NULL,
  partition    int    NOT NULL,
  topic        text   NOT NULL,
  source_offset bigint NOT NULL,
  service      text   NOT NULL,
  reason       text   NOT NULL,
  at           timestamptz NOT NULL,
  body         bytea  NOT NULL,
  replayed_at  timestamptz,
  PRIMARY KEY (dead_topic, partition, dead_offset)
);

-- ---- the proof

-- One row for each batch of rows of a partition of what is sealed (docs/ledger.md). redress-audit
-- recomputes it from them.
CREATE TABLE ledger (
  partition    int    NOT NULL,           -- of case_events; of the other kinds 65536 * kind + partition
  sequence     bigint NOT NULL,
  first_offset bigint NOT NULL,
  last_offset  bigint NOT NULL,
  events       int    NOT NULL,
  root         bytea  NOT NULL,           -- over leaves
  leaves       bytea  NOT NULL,           -- a hash for each event; empty for other rows
  tree         bytea  NOT NULL,           -- the partition's head with this entry: over entries 1..sequence
  at           timestamptz NOT NULL,
  PRIMARY KEY (partition, sequence)
);
ALTER TABLE ledger ALTER leaves SET STORAGE EXTERNAL;  -- hashes cannot be compressed

-- The complete subtrees of each partition's tree: what paths are made of without reading all entries.
CREATE TABLE ledger_nodes (
  partition int      NOT NULL,
  level     smallint NOT NULL,
  index     bigint   NOT NULL,
  hash      bytea    NOT NULL,
  PRIMARY KEY (partition, level, index)
);

-- ---- insight: kept in the transaction of the events, never counted again

CREATE TABLE counters (
  day      date   NOT NULL,
  kind     text   NOT NULL,               -- of event
  agency   text   NOT NULL,
  category text   NOT NULL,
  events   bigint NOT NULL,
  PRIMARY KEY (day, kind, agency, category)
);

-- ---- nothing is overwritten

CREATE FUNCTION record_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON case_events FOR EACH ROW EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON case_events FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON grievances FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON epochs FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON refusals FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON notification_outcomes FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON erasures FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_nodes FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
-- what follows the events may be folded again, and a key may be destroyed (erase_keys); nothing else
CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON cases FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON counters FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON offsets FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON dead_letters FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();
CREATE TRIGGER kept BEFORE UPDATE OR TRUNCATE ON case_keys FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();

-- Destroys the keys of these grievances and what was made of their words, and records by whom and why;
-- of a grievance that was erased before, the first record stays. keys: how many there were to destroy,
-- recorded: how many erasures are new. It runs with the owner's rights, so that who may erase needs no
-- right to DELETE.
CREATE FUNCTION erase_keys(numbers bigint[], erased_by text, reason text, OUT keys int, OUT recorded int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM case_keys k WHERE k.number = ANY (numbers);
  GET DIAGNOSTICS keys = ROW_COUNT;
  DELETE FROM signatures s WHERE s.number = ANY (numbers);
  INSERT INTO erasures (number, erased_by, reason) SELECT n, $2, $3 FROM unnest(numbers) AS n
    ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS recorded = ROW_COUNT;
END $$;

-- The partition of a month, made when its first event comes; with the owner's rights, as archival may
-- make no tables.
CREATE FUNCTION ensure_month(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  name text := 'case_events_' || to_char(month, 'YYYYMM');
BEGIN
  IF to_regclass(name) IS NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('redress.ensure_month'));
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF case_events FOR VALUES FROM (%L) TO (%L)',
                   name, to_char(month, 'YYYY-MM-01 00:00:00+00'),
                   to_char(month + interval '1 month', 'YYYY-MM-01 00:00:00+00'));
  END IF;
END $$;
