-- What people and programs are told: notifications, webhooks, push messages. All of it is written in the transaction of
-- what happened, by the event that it puts into the outbox, so nothing is told that was not committed, and once each.

-- ---- notifications --------------------------------------------------------------------------------------------------

CREATE TABLE notifications (
	id uuid PRIMARY KEY,
	user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
	kind text NOT NULL CHECK (kind IN ('media.ready', 'media.failed', 'media.rejected', 'item.shared', 'webhook.disabled')),
	-- The media, item or webhook.
	subject_id uuid NOT NULL,
	reason text,
	created_at timestamptz NOT NULL DEFAULT now(),
	read_at timestamptz
);
CREATE INDEX notifications_user ON notifications (user_id, created_at DESC, id DESC);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL;
CREATE INDEX notifications_age ON notifications (created_at);

-- ---- webhooks -------------------------------------------------------------------------------------------------------

CREATE TABLE webhooks (
	id uuid PRIMARY KEY,
	user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
	url text NOT NULL CHECK (octet_length(url) BETWEEN 8 AND 2000),
	description text NOT NULL DEFAULT '' CHECK (octet_length(description) <= 500),
	-- Types of events; empty: all.
	events text[] NOT NULL DEFAULT '{}' CHECK (cardinality(events) <= 50),
	-- Sealed under a key that the database does not have. After a rotation both sign for a while.
	secret bytea NOT NULL,
	previous_secret bytea,
	previous_until timestamptz,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	disabled_at timestamptz,
	disabled_reason text,
	-- Failures in a row, and since when.
	failures integer NOT NULL DEFAULT 0,
	failing_since timestamptz,
	-- The endpoint wants to be left alone until then.
	not_before timestamptz NOT NULL DEFAULT now(),
	-- Who sends holds the endpoint; what an older holder reports is not believed.
	lease bigint NOT NULL DEFAULT 0,
	lease_until timestamptz
) WITH (fillfactor = 70);
CREATE INDEX webhooks_user ON webhooks (user_id, created_at DESC, id DESC);
CREATE INDEX webhooks_open ON webhooks (not_before) WHERE disabled_at IS NULL;

CREATE TABLE webhook_deliveries (
	id uuid PRIMARY KEY,
	webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
	event_id uuid NOT NULL,
	event_type text NOT NULL,
	payload text NOT NULL CHECK (octet_length(payload) < 20000),
	state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
	attempts integer NOT NULL DEFAULT 0,
	next_at timestamptz NOT NULL DEFAULT now(),
	last_at timestamptz,
	last_status integer,
	last_error text,
	last_ms bigint,
	created_at timestamptz NOT NULL DEFAULT now(),
	UNIQUE (webhook_id, event_id)
) WITH (fillfactor = 70);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (webhook_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);

-- ---- push messages --------------------------------------------------------------------------------------------------

-- Kinds of notifications that the device does not want.
ALTER TABLE devices ADD COLUMN muted text[] NOT NULL DEFAULT '{}' CHECK (cardinality(muted) <= 50);

CREATE TABLE pushes (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	device_id uuid NOT NULL REFERENCES devices ON DELETE CASCADE,
	notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
	attempts integer NOT NULL DEFAULT 0,
	next_at timestamptz NOT NULL DEFAULT now(),
	created_at timestamptz NOT NULL DEFAULT now(),
	UNIQUE (device_id, notification_id)
);
CREATE INDEX pushes_due ON pushes (next_at);
CREATE INDEX pushes_notification ON pushes (notification_id);

-- ---- who is told what -----------------------------------------------------------------------------------------------

CREATE FUNCTION notifications_push() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	INSERT INTO pushes (device_id, notification_id)
	SELECT d.id, n.id FROM added n JOIN devices d ON d.user_id = n.user_id WHERE NOT n.kind = ANY (d.muted)
	ON CONFLICT DO NOTHING;
	RETURN NULL;
END
$$;
CREATE TRIGGER notifications_added AFTER INSERT ON notifications REFERENCING NEW TABLE AS added
	FOR EACH STATEMENT EXECUTE FUNCTION notifications_push();

CREATE FUNCTION outbox_tell() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM added WHERE kind <> 'job') THEN
		RETURN NULL;
	END IF;
	-- A subject is "events." and the type.
	INSERT INTO notifications (id, user_id, kind, subject_id, reason)
	SELECT a.event_id, u.id, substr(a.subject, 8), (a.payload -> 'data' ->> 'media_id')::uuid,
		a.payload -> 'data' ->> 'reason'
	FROM added a JOIN users u ON u.id = (a.payload -> 'data' ->> 'owner_id')::uuid AND u.deleted_at IS NULL
	WHERE a.subject IN ('events.media.ready', 'events.media.failed', 'events.media.rejected')
	ON CONFLICT DO NOTHING;
	INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload)
	SELECT gen_random_uuid(), w.id, a.event_id, substr(a.subject, 8), json_build_object('type', substr(a.subject, 8),
		'timestamp', a.payload ->> 'time', 'data', a.payload -> 'data')::text
	FROM added a JOIN users u ON u.id = (a.payload -> 'data' ->> 'owner_id')::uuid AND u.deleted_at IS NULL
		JOIN webhooks w ON w.user_id = u.id AND w.disabled_at IS NULL
	WHERE a.kind <> 'job' AND (w.events = '{}' OR substr(a.subject, 8) = ANY (w.events))
	ON CONFLICT DO NOTHING;
	RETURN NULL;
END
$$;
CREATE TRIGGER outbox_told AFTER INSERT ON outbox REFERENCING NEW TABLE AS added
	FOR EACH STATEMENT EXECUTE FUNCTION outbox_tell();

-- Everything that grows by itself goes by itself: up to max_rows of each that are older than keep. The number removed.
CREATE FUNCTION told_expire(keep interval, max_rows bigint) RETURNS bigint
	LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
	WITH n AS (DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE created_at < now() - keep
			ORDER BY created_at LIMIT max_rows) RETURNING 1),
	d AS (DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries
			WHERE created_at < now() - keep ORDER BY created_at LIMIT max_rows) RETURNING 1)
	SELECT (SELECT count(*) FROM n) + (SELECT count(*) FROM d)
$$;

-- ---- rights ---------------------------------------------------------------------------------------------------------

REVOKE ALL ON notifications, webhooks, webhook_deliveries, pushes FROM PUBLIC;
REVOKE ALL ON FUNCTION notifications_push(), outbox_tell(), told_expire(interval, bigint) FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON notifications TO safelight_api;
GRANT UPDATE (read_at) ON notifications TO safelight_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks TO safelight_api;
GRANT SELECT, DELETE ON webhook_deliveries TO safelight_api;
GRANT UPDATE (state, attempts, next_at, last_at, last_status, last_error, last_ms) ON webhook_deliveries TO safelight_api;
GRANT SELECT, DELETE ON pushes TO safelight_api;
GRANT UPDATE (attempts, next_at) ON pushes TO safelight_api;
GRANT EXECUTE ON FUNCTION told_expire(interval, bigint) TO safelight_api;
