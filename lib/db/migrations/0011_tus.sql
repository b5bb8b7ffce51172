-- Uploads by tus: how far each has come. What counts is what the store has and this says: stored bytes lie in parts (or,
-- when they are all, in the object itself), the tail behind them in an object of its own until a part is full.
CREATE TABLE tus_uploads (
	upload_id uuid PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
	-- Upload-Metadata as it was sent.
	metadata text NOT NULL CHECK (octet_length(metadata) <= 8192),
	part_size bigint NOT NULL CHECK (part_size > 0),
	stored bigint NOT NULL DEFAULT 0 CHECK (stored >= 0),
	tail_key text,
	tail_size bigint NOT NULL DEFAULT 0 CHECK (tail_size >= 0),
	-- Who may write, until when; and whether somebody else waits for it.
	writer uuid,
	lease_until timestamptz,
	wanted boolean NOT NULL DEFAULT false,
	CONSTRAINT tus_uploads_tail CHECK ((tail_key IS NOT NULL) = (tail_size > 0)),
	CONSTRAINT tus_uploads_lease CHECK ((writer IS NOT NULL) = (lease_until IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX tus_uploads_tails ON tus_uploads (tail_key) WHERE tail_key IS NOT NULL;

-- The parts that make the object: number n holds the bytes from (n - 1) * part_size on.
CREATE TABLE tus_parts (
	upload_id uuid NOT NULL REFERENCES tus_uploads ON DELETE CASCADE,
	number integer NOT NULL CHECK (number BETWEEN 1 AND 10000),
	etag text NOT NULL,
	PRIMARY KEY (upload_id, number)
);

-- However an upload ends, its tail goes and its parts are forgotten.
CREATE FUNCTION tus_end_upload() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	INSERT INTO deletions (kind, target, media_id)
		SELECT 'original', tail_key, NEW.media_id FROM tus_uploads WHERE upload_id = NEW.id AND tail_key IS NOT NULL;
	UPDATE tus_uploads SET tail_key = NULL, tail_size = 0, writer = NULL, lease_until = NULL WHERE upload_id = NEW.id;
	DELETE FROM tus_parts WHERE upload_id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER tus_upload_ended AFTER UPDATE OF completed_at, aborted_at ON uploads
	FOR EACH ROW WHEN (NEW.method = 'tus' AND (NEW.completed_at IS NOT NULL OR NEW.aborted_at IS NOT NULL))
	EXECUTE FUNCTION tus_end_upload();

GRANT SELECT, INSERT, UPDATE, DELETE ON tus_uploads TO safelight_ingest;
GRANT SELECT, INSERT, DELETE ON tus_parts TO safelight_ingest;
