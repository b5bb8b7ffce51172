-- What the erasure of accounts needs: finding all rows of an owner, tombstones included, and emptying tombstones.

-- Foreign keys ask by these alone, so partial indexes do not serve them: without them each row that goes costs a scan.
CREATE INDEX items_owner ON items (owner_id);
CREATE INDEX media_owner ON media (owner_id);
CREATE INDEX media_of_item ON media (item_id) WHERE item_id IS NOT NULL;

-- Tombstones of media stay until their objects and edge copies are surely gone; this takes from those of a deleted
-- account what says anything about a person. The number of rows that it emptied, at most max_rows.
CREATE FUNCTION account_scrub_media(account_id uuid, max_rows bigint) RETURNS bigint
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	emptied bigint;
BEGIN
	UPDATE media SET filename = '', alt = '', captured_at = NULL, exif = NULL, sha256 = NULL, declared_sha256 = NULL,
		thumbhash = NULL, blurhash = NULL, dominant_color = NULL, perceptual_hash = NULL
	WHERE id IN (SELECT m.id FROM media m WHERE m.owner_id = account_id AND m.deleted_at IS NOT NULL
			AND (m.filename <> '' OR m.alt <> '' OR m.exif IS NOT NULL OR m.captured_at IS NOT NULL) LIMIT max_rows)
		AND EXISTS (SELECT FROM users WHERE users.id = account_id AND users.deleted_at IS NOT NULL);
	GET DIAGNOSTICS emptied = ROW_COUNT;
	RETURN emptied;
END
$$;
REVOKE ALL ON FUNCTION account_scrub_media(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_scrub_media(uuid, bigint) TO safelight_api;
