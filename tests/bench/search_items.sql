-- Items for the benchmarks of search and of migrations: one owner (:owner) with :items of them. Written as a replica writes,
-- since triggers would take an hour; what triggers derive of items is up to the caller.
-- 60,000 words of three to five syllables; the n-th word of a text is frequent when n is low (cube of a random number).
SET session_replication_role = replica;
SET synchronous_commit = off;
SELECT setseed(0.5) \g /dev/null
CREATE FUNCTION bench_word(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg(substr('bcdfglmnprstvz', 1 + (n * 7 + n / power(14, s)::integer) % 14, 1) ||
		substr('aeiou', 1 + (n / power(5, s)::integer) % 5, 1), '' ORDER BY s) FROM generate_series(0, 3 + n % 3) s $$;
CREATE TABLE bench_words AS SELECT n, bench_word(n) AS word FROM generate_series(0, 59999) n;
CREATE FUNCTION bench_text(seed integer, words integer) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE list text := '';
BEGIN
	FOR i IN 1..words LOOP
		list := list || bench_word((60000 * power(random(), 3))::integer % 60000) || ' ';
	END LOOP;
	RETURN list;
END $$;
INSERT INTO users (id, email) VALUES (:'owner', 'bench@example.org');
-- A tag of one item in five and one of 50; one item in ten has a photo, one in 2,000 a document.
CREATE FUNCTION bench_tags(n bigint) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN n % 20000 = 7 THEN ARRAY['seldom', 'often'] WHEN n % 5 = 0 THEN ARRAY['often'] ELSE '{}' END $$;
CREATE FUNCTION bench_kind(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN n % 2000 = 11 THEN 'document' WHEN n % 10 = 3 THEN 'photo' END $$;
-- Texts are drawn from 20,000 made ones, so that filling takes minutes.
CREATE TABLE bench_texts AS SELECT n, bench_text(n, 3) AS title, bench_text(n, 12) AS body FROM generate_series(0, 19999) n;
CREATE UNIQUE INDEX ON bench_texts (n);
INSERT INTO items (id, owner_id, title, body, created_at, updated_at)
	SELECT gen_random_uuid(), :'owner', t.title, b.body, time, time
	FROM (SELECT floor(random() * 20000)::integer AS x, floor(random() * 20000)::integer AS y,
		now() - (:items - n) * interval '1 minute' AS time FROM generate_series(1, :items) n) r
	JOIN bench_texts t ON t.n = r.x JOIN bench_texts b ON b.n = r.y ORDER BY time;
