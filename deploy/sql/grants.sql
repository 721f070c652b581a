-- What each role may do (deploy/postgres/roles.sql makes them). redress-migrate applies this whole at
-- every run, after the numbered files: what is not granted here is taken away. Only the owner may alter
-- tables and triggers; nobody may TRUNCATE, and of the record DELETE happens in erase_keys() alone.

REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
DO $$
DECLARE
  role text;
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  FOREACH role IN ARRAY ARRAY['redress_archival', 'redress_notification', 'redress_portal', 'redress_officer',
                              'redress_learner', 'redress_eraser', 'redress_auditor', 'redress_casework',
                              'redress_administrator'] LOOP
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', role);
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM %I', role);
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I', current_database(), role);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role);
  END LOOP;
  -- its staging tables
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO redress_archival', current_database());
END $$;

-- archival adds, and changes only what is a fold of what it added. It cannot read texts' keys back.
GRANT INSERT ON grievances, case_keys, epochs, case_events, refusals, notification_outcomes, dead_letters,
  signatures, ledger, ledger_nodes TO redress_archival;
GRANT SELECT, INSERT, UPDATE ON offsets, cases, counters TO redress_archival;
GRANT SELECT, INSERT, UPDATE, DELETE ON open_cases TO redress_archival;
GRANT SELECT ON ledger, ledger_nodes TO redress_archival;
GRANT SELECT ON grievances TO redress_archival;
GRANT SELECT (dead_topic, partition, dead_offset), UPDATE (replayed_at, discarded_at, discard_reason) ON dead_letters
  TO redress_archival;
GRANT EXECUTE ON FUNCTION ensure_month(date) TO redress_archival;

-- notification reads contacts and the keys to them, not those to texts.
GRANT SELECT ON grievances, cases TO redress_notification;
GRANT SELECT (number, epoch_id, contact_key) ON case_keys TO redress_notification;
GRANT SELECT (id, started_at, contact_for_notification) ON epochs TO redress_notification;

-- The portal has no role's key. Of a case's keys it reads what only the holder of the receipt code opens.
GRANT SELECT ON grievances, cases, case_events, notification_outcomes, notifications, erasures, ledger,
  ledger_nodes, offsets TO redress_portal;
GRANT SELECT (number, text_for_receipt) ON case_keys TO redress_portal;

GRANT SELECT ON grievances, case_keys, epochs, cases, case_events, refusals, notification_outcomes,
  notifications, erasures, signatures, counters TO redress_officer;
GRANT EXECUTE ON FUNCTION cases_like(bigint, int), signature_equal(bytea, bytea), merge_signatures()
  TO redress_officer;

-- Casework touches no table: what it may see depends on who is signed in (0010_accounts.sql).
GRANT EXECUTE ON FUNCTION desk_session(bytea), desk_find(text), desk_failed(text), desk_sign_in(bigint, bytea, bigint),
  desk_sign_out(bytea), desk_set_password(bytea, text), desk_set_totp(bytea, bytea, bigint),
  desk_queue(bytea, text, text, bigint, bigint, bigint, int), desk_counts(bytea, text, bigint, int),
  desk_colleagues(bytea, text), desk_open(bytea, bigint), desk_events(bytea, bigint),
  desk_messages(bytea, bigint), desk_decided(bytea, bigint, bytea, bigint) TO redress_casework;

-- redress-account makes accounts; it reads neither passwords nor second factors.
GRANT SELECT (id, login, name, role, office, agency, language, active, password_until, totp_step, failures,
  locked_until, made_at), INSERT, UPDATE ON accounts TO redress_administrator;
GRANT SELECT (account), DELETE ON sessions TO redress_administrator;

GRANT SELECT ON cases, case_events, grievances TO redress_learner;
GRANT SELECT (number, epoch_id, text_key) ON case_keys TO redress_learner;
GRANT SELECT (id, started_at, text_for_officer) ON epochs TO redress_learner;

GRANT SELECT ON cases, grievances, erasures TO redress_eraser;
GRANT SELECT (dead_topic, partition, dead_offset, topic, source_offset, at, body) ON dead_letters TO redress_eraser;
GRANT EXECUTE ON FUNCTION erase_keys(bigint[], text, text) TO redress_eraser;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO redress_auditor;
REVOKE SELECT ON accounts, sessions FROM redress_auditor;
GRANT SELECT (id, login, name, role, office, agency, active, made_at) ON accounts TO redress_auditor;
