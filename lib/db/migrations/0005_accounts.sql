-- Accounts in full: addresses that may be missing, erasure, devices, and an audit log that shows tampering.

-- ---- people ---------------------------------------------------------------------------------------------------------

-- An address may be missing where the identity is somebody else's, and is removed at once when an account is deleted.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
ALTER TABLE users ADD CONSTRAINT users_identity
	CHECK (email IS NOT NULL OR external_subject IS NOT NULL OR deleted_at IS NOT NULL);
-- When nothing of a deleted account's was left but the tombstones of its media; then the row itself goes.
ALTER TABLE users ADD COLUMN erased_at timestamptz;
ALTER TABLE users ADD CONSTRAINT users_erased CHECK (erased_at IS NULL OR deleted_at IS NOT NULL);
CREATE INDEX users_erasure ON users (deleted_at) WHERE deleted_at IS NOT NULL;
-- What the last revocations were, so that each process can refuse the access tokens of ended sessions.
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Where push messages go. A token is one device's: who registers it last has it.
CREATE TABLE devices (
	id uuid PRIMARY KEY,
	user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
	-- The session that registered it; a device goes with its session.
	session_id uuid REFERENCES sessions ON DELETE CASCADE,
	platform text NOT NULL CHECK (platform IN ('fcm', 'apns', 'webpush')),
	token text NOT NULL CHECK (octet_length(token) BETWEEN 1 AND 4096),
	token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
	name text NOT NULL DEFAULT '' CHECK (octet_length(name) <= 500),
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX devices_token_key ON devices (platform, token_hash);
CREATE INDEX devices_user ON devices (user_id, created_at DESC, id DESC);
CREATE INDEX devices_session ON devices (session_id) WHERE session_id IS NOT NULL;

-- Removes the row of an erased account once no tombstone refers to it any more; true when it did. Services may not
-- delete people in any other way.
CREATE FUNCTION account_purge(account_id uuid) RETURNS boolean
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	DELETE FROM users WHERE id = account_id AND erased_at IS NOT NULL
		AND NOT EXISTS (SELECT FROM media WHERE owner_id = account_id)
		AND NOT EXISTS (SELECT FROM items WHERE owner_id = account_id);
	RETURN FOUND;
END
$$;

-- ---- the audit log as chains ----------------------------------------------------------------------------------------

-- Each owner has a chain of its own (rows of nobody share the nil one), so writers wait for each other only where they
-- write about the same person. A row's hash covers its number in the chain, the hash before it, and what it says; of what
-- may have to be forgotten (address, user agent) a salted hash, so that forgetting leaves the chain whole.
-- The chain's head tells how it ends, so that rows cut off its end are missed too; what retention removed from its
-- beginning is where it begins.
CREATE TABLE audit_chains (
	chain uuid PRIMARY KEY,
	first_number bigint NOT NULL DEFAULT 1,
	first_previous bytea NOT NULL DEFAULT '\x',
	last_number bigint NOT NULL DEFAULT 0,
	last_hash bytea NOT NULL DEFAULT '\x'
) WITH (fillfactor = 70);

ALTER TABLE audit_log
	ADD COLUMN chain uuid,
	ADD COLUMN number bigint,
	ADD COLUMN salt bytea,
	ADD COLUMN private_hash bytea,
	ADD COLUMN previous_hash bytea,
	ADD COLUMN hash bytea;

CREATE FUNCTION audit_private_hash(entry audit_log) RETURNS bytea
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public AS $$
	SELECT sha256(entry.salt || convert_to(jsonb_build_array(host(entry.address), entry.user_agent)::text, 'UTF8'))
$$;

CREATE FUNCTION audit_hash(entry audit_log) RETURNS bytea
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public AS $$
	SELECT sha256(entry.previous_hash || entry.private_hash || convert_to(jsonb_build_array(entry.chain, entry.number,
		entry.id, (extract(epoch FROM entry.at) * 1000000)::bigint, entry.actor_id, entry.owner_id, entry.action,
		entry.subject_kind, entry.subject_id, entry.request_id, entry.detail)::text, 'UTF8'))
$$;

CREATE FUNCTION audit_link() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	head audit_chains;
BEGIN
	NEW.chain := coalesce(NEW.owner_id, '00000000-0000-0000-0000-000000000000');
	INSERT INTO audit_chains (chain) VALUES (NEW.chain) ON CONFLICT DO NOTHING;
	SELECT * INTO STRICT head FROM audit_chains WHERE chain = NEW.chain FOR UPDATE;
	NEW.number := head.last_number + 1;
	NEW.previous_hash := head.last_hash;
	NEW.salt := uuid_send(gen_random_uuid());
	NEW.private_hash := audit_private_hash(NEW);
	NEW.hash := audit_hash(NEW);
	UPDATE audit_chains SET last_number = NEW.number, last_hash = NEW.hash WHERE chain = NEW.chain;
	RETURN NEW;
END
$$;

-- What was written before there were chains is linked in the order of its ids.
DO $$
DECLARE
	entry audit_log;
	head audit_chains;
BEGIN
	FOR entry IN SELECT * FROM audit_log ORDER BY id LOOP
		entry.chain := coalesce(entry.owner_id, '00000000-0000-0000-0000-000000000000');
		INSERT INTO audit_chains (chain) VALUES (entry.chain) ON CONFLICT DO NOTHING;
		SELECT * INTO STRICT head FROM audit_chains WHERE chain = entry.chain;
		entry.number := head.last_number + 1;
		entry.previous_hash := head.last_hash;
		entry.salt := uuid_send(gen_random_uuid());
		entry.private_hash := audit_private_hash(entry);
		entry.hash := audit_hash(entry);
		UPDATE audit_log SET chain = entry.chain, number = entry.number, salt = entry.salt,
			private_hash = entry.private_hash, previous_hash = entry.previous_hash, hash = entry.hash WHERE id = entry.id;
		UPDATE audit_chains SET last_number = entry.number, last_hash = entry.hash WHERE chain = entry.chain;
	END LOOP;
END
$$;

ALTER TABLE audit_log
	ALTER COLUMN chain SET NOT NULL,
	ALTER COLUMN number SET NOT NULL,
	ALTER COLUMN private_hash SET NOT NULL,
	ALTER COLUMN previous_hash SET NOT NULL,
	ALTER COLUMN hash SET NOT NULL;
CREATE UNIQUE INDEX audit_log_chain ON audit_log (chain, number);
CREATE INDEX audit_log_owner_id ON audit_log (owner_id, id DESC);
DROP INDEX audit_log_owner;
CREATE TRIGGER audit_linked BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_link();

-- What is wrong with a chain (NULL: with any): no rows when it is whole.
CREATE FUNCTION audit_verify(wanted uuid) RETURNS TABLE (chain uuid, number bigint, problem text)
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
	WITH entries AS (
		SELECT a AS entry, a.chain, a.number,
			lag(a.hash) OVER (PARTITION BY a.chain ORDER BY a.number) AS before_hash,
			lag(a.number) OVER (PARTITION BY a.chain ORDER BY a.number) AS before_number
		FROM audit_log a WHERE wanted IS NULL OR a.chain = wanted),
	judged AS (
		SELECT e.chain, e.number, CASE
			WHEN (entry).hash <> audit_hash(entry) THEN 'the row was changed'
			WHEN (entry).salt IS NOT NULL AND (entry).private_hash <> audit_private_hash(entry)
				THEN 'the address or user agent was changed'
			WHEN (entry).salt IS NULL AND ((entry).address IS NOT NULL OR (entry).user_agent IS NOT NULL)
				THEN 'the address or user agent was added'
			WHEN e.number <> coalesce(before_number + 1, c.first_number) THEN 'rows before it are missing'
			WHEN (entry).previous_hash <> coalesce(before_hash, c.first_previous)
				THEN 'it does not follow the row before it' END AS problem
		FROM entries e LEFT JOIN audit_chains c ON c.chain = e.chain)
	SELECT j.chain, j.number, j.problem FROM judged j WHERE j.problem IS NOT NULL
	UNION ALL
	SELECT c.chain, c.last_number, 'rows at the end are missing' FROM audit_chains c
	WHERE (wanted IS NULL OR c.chain = wanted) AND c.last_number >= c.first_number
		AND NOT EXISTS (SELECT FROM audit_log a WHERE a.chain = c.chain AND a.number = c.last_number AND a.hash = c.last_hash)
	UNION ALL
	SELECT e.chain, e.number, 'its chain is unknown' FROM entries e
	WHERE NOT EXISTS (SELECT FROM audit_chains c WHERE c.chain = e.chain)
$$;

-- Retention: removes up to max_rows rows from the beginnings of chains, all of them older than keep, which is never
-- less than 30 days. The number removed.
CREATE FUNCTION audit_expire(keep interval, max_rows bigint) RETURNS bigint
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	head audit_chains;
	cut bigint;
	left_over bigint := max_rows;
	removed bigint := 0;
	count bigint;
BEGIN
	IF keep < interval '30 days' THEN
		RAISE EXCEPTION 'the audit log is kept for at least 30 days' USING ERRCODE = '22023';
	END IF;
	FOR head IN SELECT c.* FROM audit_chains c WHERE c.chain IN (
		SELECT a.chain FROM (SELECT o.chain FROM audit_log o WHERE o.at < now() - keep ORDER BY o.at LIMIT max_rows) a)
		FOR UPDATE SKIP LOCKED LOOP
		EXIT WHEN left_over <= 0;
		-- Up to the first row that is young enough: a chain is cut at its beginning only.
		SELECT least(coalesce(min(a.number), head.last_number + 1), head.first_number + left_over) INTO cut
		FROM audit_log a WHERE a.chain = head.chain AND a.at >= now() - keep;
		UPDATE audit_chains c SET first_number = cut, first_previous =
			(SELECT a.hash FROM audit_log a WHERE a.chain = head.chain AND a.number = cut - 1)
		WHERE c.chain = head.chain AND cut > head.first_number;
		DELETE FROM audit_log a WHERE a.chain = head.chain AND a.number < cut;
		GET DIAGNOSTICS count = ROW_COUNT;
		removed := removed + count;
		left_over := left_over - count;
	END LOOP;
	RETURN removed;
END
$$;

-- Erasure: forgets where an owner's entries came from; their chain stays whole.
CREATE FUNCTION audit_forget(account_id uuid) RETURNS void
	LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
	UPDATE audit_log SET address = NULL, user_agent = NULL, salt = NULL WHERE owner_id = account_id AND salt IS NOT NULL
		AND EXISTS (SELECT FROM users WHERE id = account_id AND deleted_at IS NOT NULL)
$$;

-- ---- rights ---------------------------------------------------------------------------------------------------------

REVOKE ALL ON devices, audit_chains FROM PUBLIC;
REVOKE ALL ON FUNCTION account_purge(uuid), audit_private_hash(audit_log), audit_hash(audit_log), audit_link(),
	audit_verify(uuid), audit_expire(interval, bigint), audit_forget(uuid) FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON devices TO safelight_api;
GRANT DELETE ON idempotency_keys, usage TO safelight_api;
GRANT EXECUTE ON FUNCTION account_purge(uuid), audit_verify(uuid), audit_expire(interval, bigint), audit_forget(uuid)
	TO safelight_api;
