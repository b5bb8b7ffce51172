-- Roles of the services, people, their sessions and quotas, and what every writing call shares.

-- Deployments give these roles LOGIN and passwords; what each may do is granted in 0004.
DO $$
DECLARE
	role_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['safelight_ingest', 'safelight_transcoder', 'safelight_api'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
		END IF;
	END LOOP;
END
$$;

CREATE TABLE users (
	id uuid PRIMARY KEY,
	email text NOT NULL CHECK (octet_length(email) BETWEEN 3 AND 254),
	-- NULL: signs in elsewhere (external_issuer and external_subject of its tokens).
	password_hash text,
	external_issuer text,
	external_subject text,
	name text NOT NULL DEFAULT '' CHECK (octet_length(name) <= 500),
	is_admin boolean NOT NULL DEFAULT false,
	account_class text NOT NULL DEFAULT 'standard',
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz,
	CONSTRAINT users_external_identity CHECK ((external_issuer IS NULL) = (external_subject IS NULL))
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_external_key ON users (external_issuer, external_subject)
	WHERE external_issuer IS NOT NULL AND deleted_at IS NULL;

-- One row a family of refresh tokens: a rotation overwrites the hash and keeps the one before it, so that a client which
-- lost the answer may ask once more, and any older token is recognised as stolen.
CREATE TABLE sessions (
	id uuid PRIMARY KEY,
	user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
	family uuid NOT NULL UNIQUE,
	refresh_hash bytea NOT NULL CHECK (octet_length(refresh_hash) = 32),
	previous_hash bytea CHECK (octet_length(previous_hash) = 32),
	rotated_at timestamptz,
	device text NOT NULL DEFAULT '' CHECK (octet_length(device) <= 500),
	address inet,
	user_agent text NOT NULL DEFAULT '' CHECK (octet_length(user_agent) <= 500),
	created_at timestamptz NOT NULL DEFAULT now(),
	last_used_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz NOT NULL,
	revoked_at timestamptz,
	revoke_reason text,
	CONSTRAINT sessions_revoked CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
);
CREATE UNIQUE INDEX sessions_refresh_hash_key ON sessions (refresh_hash);
CREATE INDEX sessions_previous_hash ON sessions (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX sessions_user ON sessions (user_id, created_at DESC, id DESC);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- What an owner holds: bytes and files of originals that were taken (uploaded, processing, ready, failed), and what is
-- reserved by uploads begun. A limit of NULL means the service's default.
CREATE TABLE usage (
	owner_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
	bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
	files bigint NOT NULL DEFAULT 0 CHECK (files >= 0),
	reserved_bytes bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),
	reserved_files bigint NOT NULL DEFAULT 0 CHECK (reserved_files >= 0),
	day date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
	day_bytes bigint NOT NULL DEFAULT 0 CHECK (day_bytes >= 0),
	day_files bigint NOT NULL DEFAULT 0 CHECK (day_files >= 0),
	bytes_limit bigint CHECK (bytes_limit >= 0),
	files_limit bigint CHECK (files_limit >= 0),
	updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- The answer to an Idempotency-Key: either the thing that was made (its answer is made anew), or a whole answer.
CREATE TABLE idempotency_keys (
	owner_id uuid NOT NULL,
	scope text NOT NULL,
	key text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),
	fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
	resource_id uuid,
	status smallint,
	response text,
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz NOT NULL,
	PRIMARY KEY (owner_id, scope, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- Append only: services may insert and read, never change.
CREATE TABLE audit_log (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT now(),
	actor_id uuid,
	owner_id uuid,
	action text NOT NULL,
	subject_kind text,
	subject_id uuid,
	address inet,
	user_agent text,
	request_id text,
	detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_owner ON audit_log (owner_id, at DESC, id DESC);
CREATE INDEX audit_log_at ON audit_log (at DESC, id DESC);
