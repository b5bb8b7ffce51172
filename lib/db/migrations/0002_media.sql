-- Items and media: what people upload, in which state it is, and what was made of it.

CREATE TABLE items (
	id uuid PRIMARY KEY,
	owner_id uuid NOT NULL REFERENCES users,
	title text NOT NULL DEFAULT '' CHECK (octet_length(title) <= 500),
	body text NOT NULL DEFAULT '' CHECK (octet_length(body) <= 65536),
	visibility text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'shared', 'public')),
	cover_media_id uuid,
	version bigint NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz
);
CREATE INDEX items_owner_created ON items (owner_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX items_owner_updated ON items (owner_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE item_tags (
	item_id uuid NOT NULL REFERENCES items ON DELETE CASCADE,
	owner_id uuid NOT NULL,
	tag text NOT NULL CHECK (octet_length(tag) BETWEEN 1 AND 64),
	PRIMARY KEY (item_id, tag)
);
CREATE INDEX item_tags_owner ON item_tags (owner_id, tag, item_id);

CREATE TABLE media (
	id uuid PRIMARY KEY,
	owner_id uuid NOT NULL REFERENCES users,
	item_id uuid REFERENCES items ON DELETE SET NULL,
	position integer NOT NULL DEFAULT 0,
	state text NOT NULL DEFAULT 'awaiting_upload' CHECK (state IN ('awaiting_upload', 'uploaded', 'processing', 'ready',
		'expired', 'rejected', 'failed', 'deleted')),
	reason_code text,
	reason_detail text,
	filename text NOT NULL CHECK (octet_length(filename) <= 255),
	declared_type text NOT NULL CHECK (octet_length(declared_type) <= 127),
	-- What the bytes are; NULL before they were looked at.
	content_type text CHECK (octet_length(content_type) <= 127),
	kind text NOT NULL CHECK (kind IN ('photo', 'animation', 'document', 'file')),
	size bigint NOT NULL CHECK (size >= 0),
	declared_sha256 bytea CHECK (octet_length(declared_sha256) = 32),
	-- Of the bytes that were read, set by whoever hashed them.
	sha256 bytea CHECK (octet_length(sha256) = 32),
	original_key text NOT NULL,
	original_etag text,
	-- Of the variants that are made (or were made last) / that are shown; 0 before the first preview.
	generation integer NOT NULL DEFAULT 1 CHECK (generation >= 1),
	published_generation integer NOT NULL DEFAULT 0 CHECK (published_generation BETWEEN 0 AND generation),
	width integer CHECK (width > 0),
	height integer CHECK (height > 0),
	orientation smallint CHECK (orientation BETWEEN 1 AND 8),
	frames integer CHECK (frames > 0),
	pages integer CHECK (pages > 0),
	has_alpha boolean,
	thumbhash bytea CHECK (octet_length(thumbhash) <= 32),
	blurhash text CHECK (octet_length(blurhash) <= 166),
	dominant_color integer CHECK (dominant_color BETWEEN 0 AND 16777215),
	perceptual_hash bigint,
	exif jsonb,
	alt text NOT NULL DEFAULT '' CHECK (octet_length(alt) <= 2000),
	captured_at timestamptz,
	visibility text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'shared', 'public')),
	version bigint NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	uploaded_at timestamptz,
	preview_at timestamptz,
	ready_at timestamptz,
	deleted_at timestamptz,
	CONSTRAINT media_reason CHECK ((reason_code IS NOT NULL) = (state IN ('rejected', 'failed'))),
	CONSTRAINT media_deleted CHECK ((deleted_at IS NOT NULL) = (state = 'deleted'))
) WITH (fillfactor = 80);
CREATE INDEX media_owner_created ON media (owner_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX media_item ON media (item_id, position, id) WHERE item_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX media_owner_sha256 ON media (owner_id, sha256) WHERE sha256 IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX media_unsettled ON media (uploaded_at) WHERE state IN ('uploaded', 'processing');
CREATE INDEX media_discarded ON media (updated_at) WHERE state IN ('expired', 'deleted');

ALTER TABLE items ADD CONSTRAINT items_cover_media_id_fkey FOREIGN KEY (cover_media_id) REFERENCES media ON DELETE SET NULL;
CREATE INDEX items_cover ON items (cover_media_id) WHERE cover_media_id IS NOT NULL;

-- The steps that lib/media/state.c allows (a test compares them). Each step taken is a row of media_history, written by
-- a trigger under its owner's rights: no service can go a step that is not listed, nor forge or hide one.
CREATE TABLE media_state_steps (
	old_state text NOT NULL,
	new_state text NOT NULL,
	PRIMARY KEY (old_state, new_state)
);
INSERT INTO media_state_steps (old_state, new_state) VALUES
	('awaiting_upload', 'uploaded'), ('awaiting_upload', 'expired'), ('awaiting_upload', 'rejected'),
	('awaiting_upload', 'deleted'),
	('uploaded', 'processing'), ('uploaded', 'ready'), ('uploaded', 'rejected'), ('uploaded', 'failed'),
	('uploaded', 'deleted'),
	('processing', 'ready'), ('processing', 'rejected'), ('processing', 'failed'), ('processing', 'deleted'),
	('ready', 'deleted'),
	('expired', 'deleted'),
	('rejected', 'deleted'),
	('failed', 'uploaded'), ('failed', 'deleted');

CREATE TABLE media_history (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	media_id uuid NOT NULL REFERENCES media ON DELETE CASCADE,
	old_state text NOT NULL,
	new_state text NOT NULL,
	reason_code text,
	at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT media_history_step FOREIGN KEY (old_state, new_state) REFERENCES media_state_steps
);
CREATE INDEX media_history_media ON media_history (media_id, id);

CREATE FUNCTION media_write_history() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	INSERT INTO media_history (media_id, old_state, new_state, reason_code)
	VALUES (NEW.id, OLD.state, NEW.state, NEW.reason_code);
	RETURN NULL;
END
$$;
CREATE TRIGGER media_state_changed AFTER UPDATE OF state ON media
	FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION media_write_history();

CREATE TABLE variants (
	media_id uuid NOT NULL REFERENCES media ON DELETE CASCADE,
	generation integer NOT NULL CHECK (generation >= 1),
	name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 32),
	format text NOT NULL CHECK (format IN ('jpeg', 'webp', 'avif')),
	state text NOT NULL CHECK (state IN ('pending', 'ready', 'failed')),
	reason_code text,
	width integer CHECK (width > 0),
	height integer CHECK (height > 0),
	bytes bigint CHECK (bytes > 0),
	object_key text,
	sha256 bytea CHECK (octet_length(sha256) = 32),
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (media_id, generation, name, format),
	CONSTRAINT variants_ready CHECK (state <> 'ready' OR (width IS NOT NULL AND height IS NOT NULL AND bytes IS NOT NULL
		AND object_key IS NOT NULL AND sha256 IS NOT NULL)),
	CONSTRAINT variants_reason CHECK ((state = 'failed') = (reason_code IS NOT NULL))
);

CREATE TABLE uploads (
	id uuid PRIMARY KEY,
	media_id uuid NOT NULL UNIQUE REFERENCES media ON DELETE CASCADE,
	owner_id uuid NOT NULL,
	object_key text NOT NULL,
	method text NOT NULL CHECK (method IN ('put', 'multipart', 'post', 'tus')),
	multipart_id text,
	size bigint NOT NULL CHECK (size >= 0),
	content_type text NOT NULL,
	content_md5 bytea CHECK (octet_length(content_md5) = 16),
	expires_at timestamptz NOT NULL,
	-- When the reconciler looks at the store next.
	check_after timestamptz NOT NULL,
	completed_at timestamptz,
	aborted_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX uploads_open ON uploads (check_after) WHERE completed_at IS NULL AND aborted_at IS NULL;
CREATE INDEX uploads_open_expiry ON uploads (expires_at) WHERE completed_at IS NULL AND aborted_at IS NULL;
