-- Fills an empty database for the API's benchmark: one owner (:owner) with :items items, a minute apart. The newest
-- 20,000 and the oldest 1,000 have a cover with the variants of the default preset: the pages that are asked for. As a
-- replica writes, since triggers would take an hour.
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO users (id, email) VALUES (:'owner', 'bench@example.org');
CREATE FUNCTION bench_id(family text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
	SELECT (lpad(to_hex(n), 8, '0') || family || substr(md5(n::text), 1, 12))::uuid $$;
CREATE TEMPORARY TABLE bench_rows AS
	SELECT n, (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid AS item_id, bench_id('-0000-7000-9000-', n) AS media_id,
		n > :items - 20000 OR n <= 1000 AS is_asked, '2026-01-01'::timestamptz - (:items - n) * interval '1 minute' AS time
	FROM generate_series(1, :items::bigint) n;
INSERT INTO items (id, owner_id, title, body, cover_media_id, created_at, updated_at)
	SELECT item_id, :'owner', 'Summer by the lake, part ' || n, 'Swimming, a fire, and the long way home.',
		CASE WHEN is_asked THEN media_id END, time, time FROM bench_rows ORDER BY n;
INSERT INTO item_tags (item_id, owner_id, tag, created_at, updated_at)
	SELECT item_id, :'owner', tag, time, time FROM bench_rows, (VALUES ('holiday'), ('lake')) t (tag) WHERE is_asked ORDER BY n;
INSERT INTO media (id, owner_id, item_id, state, filename, declared_type, content_type, kind, size, sha256, original_key,
	published_generation, width, height, orientation, thumbhash, dominant_color, exif, alt, captured_at, created_at,
	updated_at, uploaded_at, preview_at, ready_at)
	SELECT media_id, :'owner', item_id, 'ready', 'IMG_' || n || '.JPG', 'image/jpeg', 'image/jpeg', 'photo', 3145728 + n,
		sha256(n::text::bytea), 'o/' || media_id, 1, 4032, 3024, 1, substr(sha256(n::text::bytea), 1, 24), 8421504,
		'{"make": "Bench", "model": "One"}', 'The lake in the evening', time, time, time, time, time, time
	FROM bench_rows WHERE is_asked ORDER BY n;
INSERT INTO variants (media_id, generation, name, format, state, width, height, bytes, object_key, sha256)
	SELECT media_id, 1, name, format, 'ready', width, height, width * height / 5,
		media_id || '/1/' || name || '.' || format, sha256((n || name || format)::bytea)
	FROM bench_rows, (VALUES ('square', 160, 160), ('w320', 320, 240), ('w640', 640, 480), ('w1280', 1280, 960),
		('w2048', 2048, 1536)) s (name, width, height), (VALUES ('jpeg'), ('webp'), ('avif')) f (format)
	WHERE is_asked ORDER BY n;
