-- The roles of Redress, for the administrator to run once on each PostgreSQL server:
--
--   psql -f deploy/postgres/roles.sql
--   \password redress_archival          and so on, for each that logs in with a password
--   CREATE DATABASE redress OWNER redress_owner;
--
-- redress-migrate, run as redress_owner, then gives each role its rights (deploy/sql/grants.sql). No
-- role here is a superuser, may make roles or databases, or may pass a row security policy by. Safe to
-- run again.
SET client_min_messages = warning;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'redress_owner',         -- owns the schema: redress-migrate, and nothing else
    'redress_archival',      -- redress-archival: adds to the record
    'redress_notification',  -- redress-notification: reads contacts
    'redress_portal',        -- redress-portal: reads cases and the ledger, no keys
    'redress_officer',          -- redress-officer, redress-similar: officers' reading
    'redress_learner',       -- redress-labels, redress-model: reads what people confirmed
    'redress_eraser',        -- redress-erase: destroys keys and says so
    'redress_casework',      -- redress-casework: what the officers who are signed in may see
    'redress_administrator', -- redress-account: makes officers' accounts
    'redress_auditor'        -- redress-audit: reads the record, writes nothing
  ] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', name);
    END IF;
    EXECUTE format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name);
  END LOOP;
END $$;
