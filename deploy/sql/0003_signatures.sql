-- What finds cases that tell the same matter, and the flag of suspected abuse. A signature is 32
-- bytes: the more of them are equal, the more words two texts share (services/classification/signature.h).
-- bands holds ten of its three-byte pieces, each with its place: texts that share one are compared.
CREATE TABLE signatures (
  number          bigint PRIMARY KEY,
  at              timestamptz NOT NULL,   -- of opening
  signature       bytea   NOT NULL,       -- empty: too short a text
  bands           int[]   NOT NULL,
  suspected_abuse boolean NOT NULL
);
-- New entries go to a list that is merged in the background: a case costs archival little.
CREATE INDEX signatures_bands ON signatures USING gin (bands) WITH (gin_pending_list_limit = 65536);
CREATE INDEX signatures_abuse ON signatures (at DESC, number DESC) WHERE suspected_abuse;

-- Bytes that are equal at the same place.
CREATE FUNCTION signature_equal(a bytea, b bytea) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT count(*)::int FROM generate_series(0, least(length(a), length(b)) - 1) i
  WHERE get_byte(a, i) = get_byte(b, i)
$$;

-- Cases like this one, most alike first: at least so many of 32 bytes of the signature are equal.
CREATE FUNCTION cases_like(of_number bigint, least_equal int DEFAULT 10)
RETURNS TABLE (number bigint, equal int) LANGUAGE sql STABLE AS $$
  SELECT other.number, alike.equal
  FROM signatures this
  JOIN signatures other ON other.bands && this.bands AND other.number <> this.number
  CROSS JOIN LATERAL (SELECT signature_equal(this.signature, other.signature) AS equal) alike
  WHERE this.number = of_number AND alike.equal >= least_equal
  ORDER BY alike.equal DESC, other.number DESC
$$;

-- Merges the list of new entries at once, for who asks often: only the index's owner may do that.
CREATE FUNCTION merge_signatures() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT gin_clean_pending_list('signatures_bands')
$$;
