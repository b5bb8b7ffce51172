-- A delivery belongs to the trace of the call that caused its event.
ALTER TABLE webhook_deliveries ADD COLUMN traceparent text CHECK (octet_length(traceparent) = 55);

CREATE OR REPLACE FUNCTION outbox_tell() RETURNS trigger
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
	INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload, traceparent)
	SELECT gen_random_uuid(), w.id, a.event_id, substr(a.subject, 8), json_build_object('type', substr(a.subject, 8),
		'timestamp', a.payload ->> 'time', 'data', a.payload -> 'data')::text, a.payload ->> 'traceparent'
	FROM added a JOIN users u ON u.id = (a.payload -> 'data' ->> 'owner_id')::uuid AND u.deleted_at IS NULL
		JOIN webhooks w ON w.user_id = u.id AND w.disabled_at IS NULL
	WHERE a.kind <> 'job' AND (w.events = '{}' OR substr(a.subject, 8) = ANY (w.events))
	ON CONFLICT DO NOTHING;
	RETURN NULL;
END
$$;
