-- Officers: their accounts and sessions, what they may see, and what they have read. The role
-- redress_casework reads no table of cases itself: it asks the functions below, each of which wants the
-- token of a session and gives what that session's account may see. So whoever takes the daemon over sees
-- the cases of the officers who are there, and leaves a row in readings for each text.

CREATE TABLE accounts (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  login          text NOT NULL UNIQUE CHECK (login ~ '^[a-z0-9][a-z0-9._@-]{0,99}$'),
  name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  role           text NOT NULL CHECK (role IN ('officer', 'supervisor', 'auditor')),
  office         text NOT NULL CHECK (office <> ''),
  agency         text NOT NULL CHECK (agency <> ''),
  language       text NOT NULL DEFAULT '',      -- BCP 47; empty: as the browser says
  active         boolean NOT NULL DEFAULT true,
  password       text NOT NULL,                 -- Argon2id, as libsodium writes it
  password_until timestamptz,                   -- a one-time password is good until then; NULL: it is the officer's own
  totp           bytea,                         -- secret of the second factor, sealed with casework.key; NULL: none
  totp_step      bigint NOT NULL DEFAULT 0,     -- the last time step whose code was used
  failures       int NOT NULL DEFAULT 0,        -- since the last success
  locked_until   timestamptz,
  made_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sessions (
  token_hash bytea PRIMARY KEY,                 -- SHA-256 of the token, which nothing here holds
  account    bigint NOT NULL REFERENCES accounts,
  begun_at   timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_account ON sessions (account);
CREATE INDEX sessions_expire ON sessions (expires_at);

-- Who opened which case's texts, and when.
CREATE TABLE readings (
  account bigint NOT NULL REFERENCES accounts,
  login   text NOT NULL,                        -- and office: as they were then
  office  text NOT NULL,
  number  bigint NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  contact boolean NOT NULL                      -- the contact too
);
CREATE INDEX readings_number ON readings (number, at);
CREATE INDEX readings_account ON readings (account, at);
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON readings FOR EACH STATEMENT EXECUTE FUNCTION record_is_kept();

-- Cases that somebody works on or may reopen, for officers' lists: written by archival with the cases they
-- follow, and gone when a case is over. Its size follows the open load, not history.
CREATE TABLE open_cases (
  number    bigint PRIMARY KEY,
  version   int      NOT NULL,
  stage     text     NOT NULL,                  -- open, waiting, answered
  office    text     NOT NULL,
  agency    text     NOT NULL,
  overseer  text     NOT NULL,                  -- the office that was told of a delay; '': none
  officer   text     NOT NULL,                  -- who has taken it; '': nobody
  category  text     NOT NULL,
  area      text     NOT NULL,
  language  text     NOT NULL,
  urgency   smallint NOT NULL,
  level     int      NOT NULL,                  -- of escalation
  opened_ms bigint   NOT NULL,
  clock_ms  bigint   NOT NULL                   -- due, asked until, or answered at; 9223372036854775807: no clock
);
CREATE INDEX open_cases_stage ON open_cases (office, stage, clock_ms, number);
CREATE INDEX open_cases_unanswered ON open_cases (office, clock_ms, number) WHERE stage <> 'answered';
CREATE INDEX open_cases_officer ON open_cases (office, officer, clock_ms, number) WHERE stage <> 'answered';
CREATE INDEX open_cases_overseer ON open_cases (overseer, clock_ms, number) WHERE overseer <> '' AND stage = 'open';

-- ---- who is there

-- NULLs when the token is none of a session that goes on.
CREATE FUNCTION desk_account(token bytea) RETURNS accounts
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a FROM sessions s JOIN accounts a ON a.id = s.account
  WHERE s.token_hash = sha256(token) AND s.expires_at > now() AND s.seen_at > now() - interval '30 minutes'
    AND a.active
$$;

-- Nobody sees a case before they have a password of their own.
CREATE FUNCTION desk_sees(me accounts, of_office text, of_overseer text, of_agency text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT me.password_until IS NULL AND CASE me.role
    WHEN 'auditor' THEN true
    WHEN 'supervisor' THEN of_agency = me.agency OR of_overseer = me.office
    ELSE of_office = me.office OR of_overseer = me.office END
$$;

CREATE FUNCTION desk_session(token bytea, OUT id bigint, OUT login text, OUT name text, OUT role text,
  OUT office text, OUT agency text, OUT language text, OUT must_change boolean, OUT has_totp boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me accounts := desk_account(token);
BEGIN
  UPDATE sessions s SET seen_at = now()
    WHERE s.token_hash = sha256(token) AND me.id IS NOT NULL AND s.seen_at < now() - interval '1 minute';
  id := me.id; login := me.login; name := me.name; role := me.role; office := me.office; agency := me.agency;
  language := me.language; must_change := me.password_until IS NOT NULL; has_totp := me.totp IS NOT NULL;
END $$;

-- What a sign-in is checked against; no row: no such account, or it may not sign in now.
CREATE FUNCTION desk_find(of_login text)
RETURNS TABLE (id bigint, password text, totp bytea, totp_step bigint, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.id, a.password, a.totp, a.totp_step, a.name FROM accounts a
  WHERE a.login = of_login AND a.active AND coalesce(a.password_until > now(), true)
    AND coalesce(a.locked_until <= now(), true)
$$;

-- From the fifth failure on the account rests: half a minute, then twice as long each time, a quarter of an
-- hour at most, so that nobody can shut an officer out for long.
CREATE FUNCTION desk_failed(of_login text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE accounts SET failures = least(failures + 1, 1000000),
    locked_until = CASE WHEN failures >= 4 THEN
      now() + least(interval '15 minutes', interval '30 seconds' * 2 ^ least(failures - 4, 10)) END
  WHERE login = of_login AND coalesce(locked_until <= now(), true)
$$;

-- A session for who has proved to be this account. step: of the code that was used, 0: none. false: that
-- code was used before.
CREATE FUNCTION desk_sign_in(of_account bigint, new_hash bytea, step bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE accounts SET failures = 0, locked_until = NULL, totp_step = greatest(totp_step, step)
    WHERE id = of_account AND (step = 0 OR totp_step < step);
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM sessions WHERE expires_at < now();
  INSERT INTO sessions (token_hash, account, expires_at) VALUES (new_hash, of_account, now() + interval '12 hours');
  RETURN true;
END $$;

CREATE FUNCTION desk_sign_out(token bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  DELETE FROM sessions WHERE token_hash = sha256(token)
$$;

-- Ends the account's other sessions.
CREATE FUNCTION desk_set_password(token bytea, new_password text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  DELETE FROM sessions s WHERE s.account = (desk_account(token)).id AND s.token_hash <> sha256(token);
  UPDATE accounts SET password = new_password, password_until = NULL WHERE id = (desk_account(token)).id;
$$;

CREATE FUNCTION desk_set_totp(token bytea, new_totp bytea, step bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE accounts SET totp = new_totp, totp_step = greatest(totp_step, step) WHERE id = (desk_account(token)).id
$$;

-- ---- cases

-- A page of a list, after this clock and number. By its indexes alone, whatever the tables held when a
-- connection began.
CREATE FUNCTION desk_queue(token bytea, tab text, of_office text, now_ms bigint, after_ms bigint, after_number bigint,
  most int) RETURNS SETOF open_cases
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off
SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  me accounts := desk_account(token);
BEGIN
  IF me.id IS NULL THEN
    RETURN;
  END IF;
  CASE tab
  WHEN 'mine' THEN
    RETURN QUERY SELECT * FROM open_cases c WHERE c.office = of_office AND c.officer = me.login
      AND c.stage <> 'answered' AND (c.clock_ms, c.number) > (after_ms, after_number)
      AND desk_sees(me, c.office, c.overseer, c.agency) ORDER BY c.clock_ms, c.number LIMIT most;
  WHEN 'unclaimed' THEN
    RETURN QUERY SELECT * FROM open_cases c WHERE c.office = of_office AND c.officer = ''
      AND c.stage <> 'answered' AND (c.clock_ms, c.number) > (after_ms, after_number)
      AND desk_sees(me, c.office, c.overseer, c.agency) ORDER BY c.clock_ms, c.number LIMIT most;
  WHEN 'office' THEN
    RETURN QUERY SELECT * FROM open_cases c WHERE c.office = of_office
      AND c.stage <> 'answered' AND (c.clock_ms, c.number) > (after_ms, after_number)
      AND desk_sees(me, c.office, c.overseer, c.agency) ORDER BY c.clock_ms, c.number LIMIT most;
  WHEN 'overdue' THEN
    RETURN QUERY SELECT * FROM open_cases c WHERE c.office = of_office AND c.stage = 'open'
      AND c.clock_ms < now_ms AND (c.clock_ms, c.number) > (after_ms, after_number)
      AND desk_sees(me, c.office, c.overseer, c.agency) ORDER BY c.clock_ms, c.number LIMIT most;
  WHEN 'told' THEN
    RETURN QUERY SELECT * FROM open_cases c WHERE c.overseer = of_office AND c.overseer <> '' AND c.stage = 'open'
      AND (c.clock_ms, c.number) > (after_ms, after_number)
      AND desk_sees(me, c.office, c.overseer, c.agency) ORDER BY c.clock_ms, c.number LIMIT most;
  ELSE -- waiting, answered
    RETURN QUERY SELECT * FROM open_cases c WHERE c.office = of_office AND c.stage = tab
      AND (c.clock_ms, c.number) > (after_ms, after_number)
      AND desk_sees(me, c.office, c.overseer, c.agency) ORDER BY c.clock_ms, c.number LIMIT most;
  END CASE;
END $$;

-- Who may be given a case of an office that the session's account sees: by name.
CREATE FUNCTION desk_colleagues(token bytea, of_office text) RETURNS TABLE (login text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.login, a.name FROM accounts a, desk_account(token) me
  WHERE a.office = of_office AND a.active AND a.role IN ('officer', 'supervisor')
    AND desk_sees(me, of_office, '', a.agency)
  ORDER BY a.name, a.login LIMIT 500
$$;

-- How many cases each of those lists has, up to a most: what it costs does not follow the load.
CREATE FUNCTION desk_counts(token bytea, of_office text, now_ms bigint, most int) RETURNS TABLE (tab text, count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t, (SELECT count(*) FROM desk_queue(token, t, of_office, now_ms, -9223372036854775808, 0, most))
  FROM unnest(ARRAY['mine', 'unclaimed', 'office', 'overdue', 'told', 'waiting', 'answered']) t
$$;

-- Whether the session's account may see this case.
CREATE FUNCTION desk_sees_case(token bytea, of_number bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(bool_or(desk_sees(desk_account(token), c.office, coalesce(o.overseer, ''), c.agency)), false)
  FROM cases c LEFT JOIN open_cases o USING (number) WHERE c.number = of_number
$$;

-- A case, what is sealed in it, and the keys to that; recorded in readings. No row: there is none that the
-- session's account may see. Auditors see no contact.
CREATE FUNCTION desk_open(token bytea, of_number bigint)
RETURNS TABLE (state bytea, received_ms bigint, channel text, service_code text, sealed_text bytea,
  sealed_contact bytea, epoch_id bytea, text_key bytea, contact_key bytea, text_for_officer bytea,
  contact_for_officer bytea, erased_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me accounts := desk_account(token);
  contact boolean := me.role <> 'auditor';
BEGIN
  IF me.id IS NULL OR NOT desk_sees_case(token, of_number) THEN
    RETURN;
  END IF;
  INSERT INTO readings (account, login, office, number, contact) VALUES (me.id, me.login, me.office, of_number, contact);
  RETURN QUERY SELECT c.state, (extract(epoch FROM g.received_at) * 1000)::bigint, g.channel, g.service_code,
      coalesce(g.sealed_text, ''), CASE WHEN contact THEN coalesce(g.sealed_contact, '') ELSE '' END,
      coalesce(k.epoch_id, ''), coalesce(k.text_key, ''),
      CASE WHEN contact THEN coalesce(k.contact_key, '') ELSE '' END, coalesce(e.text_for_officer, ''),
      CASE WHEN contact THEN coalesce(e.contact_for_officer, '') ELSE '' END,
      (extract(epoch FROM x.at) * 1000)::bigint
    FROM cases c LEFT JOIN grievances g USING (number) LEFT JOIN case_keys k USING (number)
      LEFT JOIN epochs e ON e.id = k.epoch_id LEFT JOIN erasures x USING (number)
    WHERE c.number = of_number;
END $$;

-- Its events, in their order.
CREATE FUNCTION desk_events(token bytea, of_number bigint) RETURNS SETOF bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT body FROM case_events WHERE number = of_number AND desk_sees_case(token, of_number)
  ORDER BY version LIMIT 2000
$$;

-- What became of the messages to citizen and office.
CREATE FUNCTION desk_messages(token bytea, of_number bigint)
RETURNS TABLE (kind text, recipient text, channel text, delivery text, reason text, at_ms bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT n.kind, n.recipient, n.channel, n.delivery, n.reason, (extract(epoch FROM n.at) * 1000)::bigint
  FROM notifications n WHERE n.number = of_number AND desk_sees_case(token, of_number)
  ORDER BY n.event_version, n.recipient LIMIT 500
$$;

-- What came of a command of this account: whether it was applied, the version that the case has, and why it
-- was refused. Whoever gave a case away may still ask this.
CREATE FUNCTION desk_decided(token bytea, of_number bigint, command bytea, since_ms bigint, OUT applied boolean,
  OUT version int, OUT refusal text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me accounts := desk_account(token);
BEGIN
  SELECT position(command IN c.state) > 0, c.version INTO applied, version FROM cases c WHERE c.number = of_number;
  IF NOT coalesce(applied, false) AND NOT desk_sees_case(token, of_number) THEN
    applied := NULL; version := NULL;
    RETURN;
  END IF;
  SELECT r.reason INTO refusal FROM refusals r WHERE r.number = of_number AND r.actor = me.login
    AND r.at >= to_timestamp(since_ms / 1000.0) ORDER BY r.at DESC LIMIT 1;
END $$;
