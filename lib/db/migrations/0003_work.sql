-- Work to be done: Postgres is the truth, the bus only a doorbell.

-- One job makes the variants of one generation of one media in one pool.
CREATE TABLE jobs (
	id uuid PRIMARY KEY,
	media_id uuid NOT NULL REFERENCES media ON DELETE CASCADE,
	owner_id uuid NOT NULL,
	generation integer NOT NULL CHECK (generation >= 1),
	pool text NOT NULL,
	lane text NOT NULL CHECK (lane IN ('interactive', 'bulk')),
	-- The media's `ready` waits for it; the end of an optional job changes no state.
	required boolean NOT NULL,
	state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
	attempts integer NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 5),
	-- Raised by each claim (and each taking away): what a worker with an older one does changes nothing.
	fencing_token bigint NOT NULL DEFAULT 0,
	worker text,
	lease_until timestamptz,
	not_before timestamptz NOT NULL DEFAULT now(),
	queued_at timestamptz NOT NULL DEFAULT now(),
	started_at timestamptz,
	finished_at timestamptz,
	last_error_code text,
	last_error text,
	-- When and how often a message was sent for it.
	rung_at timestamptz NOT NULL DEFAULT now(),
	rings integer NOT NULL DEFAULT 1,
	UNIQUE (media_id, generation, pool),
	CONSTRAINT jobs_lease CHECK ((state = 'running') = (lease_until IS NOT NULL)),
	CONSTRAINT jobs_finished CHECK ((state IN ('done', 'failed')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX jobs_queued ON jobs (rung_at) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';

-- Jobs that ended for good without success, for operators.
CREATE TABLE dead_letters (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
	media_id uuid NOT NULL,
	owner_id uuid NOT NULL,
	generation integer NOT NULL,
	pool text NOT NULL,
	attempts integer NOT NULL,
	code text NOT NULL,
	detail text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	redriven_at timestamptz,
	dropped_at timestamptz
);
CREATE INDEX dead_letters_open ON dead_letters (created_at DESC, id DESC)
	WHERE redriven_at IS NULL AND dropped_at IS NULL;
CREATE INDEX dead_letters_job ON dead_letters (job_id);

-- Messages that the change in whose transaction they stand owes the bus. Rows commit out of order, so sent_at, never
-- "id > the last one", says what is waiting.
CREATE TABLE outbox (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	event_id uuid NOT NULL,
	kind text NOT NULL CHECK (kind IN ('job', 'media', 'item')),
	subject text NOT NULL,
	payload json NOT NULL,
	-- Raised to send an event again under a new message id.
	epoch integer NOT NULL DEFAULT 0,
	attempts integer NOT NULL DEFAULT 0,
	not_before timestamptz NOT NULL DEFAULT now(),
	created_at timestamptz NOT NULL DEFAULT now(),
	sent_at timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX outbox_waiting ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
	PERFORM pg_notify('safelight_outbox', '');
	RETURN NULL;
END
$$;
CREATE TRIGGER outbox_added AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();

-- What must disappear outside of the database: objects of a bucket, edge copies of a path. A row goes when it is done.
CREATE TABLE deletions (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('original', 'variant', 'purge')),
	-- The object's key; for purges the path prefix at the edge.
	target text NOT NULL,
	media_id uuid NOT NULL,
	not_before timestamptz NOT NULL DEFAULT now(),
	attempts integer NOT NULL DEFAULT 0,
	last_error text,
	created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX deletions_due ON deletions (not_before, id);
CREATE INDEX deletions_media ON deletions (media_id);
