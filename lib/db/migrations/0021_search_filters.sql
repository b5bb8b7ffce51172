-- A search's filters narrow it in the inverted index, too: with a rare tag or kind and a frequent word nearly every match
-- was read to find the few that pass. A tag's words stand in the document already; the kinds of an item's media become
-- words of their own, behind a sign that no word of a question or a tag has. Both only narrow: what is exactly wanted is still
-- asked of item_tags and media.

CREATE OR REPLACE FUNCTION search_document(item uuid) RETURNS tsvector LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
	SELECT search_part(i.title, 'A')
		|| search_part((SELECT string_agg(tag, ' ') FROM item_tags WHERE item_id = i.id), 'B')
		|| search_part((SELECT string_agg(alt || ' ' || filename, ' ' ORDER BY position, id) FROM media
			WHERE item_id = i.id AND deleted_at IS NULL), 'C')
		|| search_part(i.body, 'D')
		|| coalesce((SELECT array_to_tsvector(array_agg(DISTINCT '=' || kind)) FROM media
			WHERE item_id = i.id AND deleted_at IS NULL), '')
	FROM items i WHERE i.id = item
$$;

-- As before, but for the kinds, which are no words that a typo may have meant.
CREATE OR REPLACE FUNCTION search_rebuild() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	before tsvector;
	after tsvector;
BEGIN
	SELECT document INTO before FROM item_search WHERE item_id = NEW.item_id AND is_stale FOR UPDATE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	after := search_document(NEW.item_id);
	IF after = before THEN
		UPDATE item_search SET is_stale = false WHERE item_id = NEW.item_id;
		RETURN NULL;
	END IF;
	UPDATE item_search SET is_stale = false, document = after WHERE item_id = NEW.item_id;
	INSERT INTO search_words (owner_id, word)
		SELECT NEW.owner_id, lexeme FROM unnest(tsvector_to_array(after)) lexeme
		WHERE char_length(lexeme) BETWEEN 2 AND 40 AND lexeme NOT LIKE '=%' AND NOT lexeme = ANY (tsvector_to_array(before))
		ORDER BY lexeme
		ON CONFLICT DO NOTHING;
	RETURN NULL;
END
$$;

DROP TRIGGER media_search_update ON media;
CREATE TRIGGER media_search_update AFTER UPDATE ON media FOR EACH ROW
	WHEN ((OLD.item_id IS NOT NULL OR NEW.item_id IS NOT NULL) AND (OLD.item_id IS DISTINCT FROM NEW.item_id
		OR OLD.kind IS DISTINCT FROM NEW.kind OR OLD.alt IS DISTINCT FROM NEW.alt OR OLD.filename IS DISTINCT FROM NEW.filename
		OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at))
	EXECUTE FUNCTION search_follow_part();

-- Written anew with them, in the order of the buckets: quicker than changing every row.
ALTER TABLE item_search RENAME TO item_search_before;
CREATE TABLE item_search (LIKE item_search_before INCLUDING DEFAULTS) WITH (fillfactor = 80);
INSERT INTO item_search (item_id, owner_id, created_at, bucket, document, is_stale)
	SELECT s.item_id, s.owner_id, s.created_at, s.bucket, s.document || coalesce(k.kinds, ''), s.is_stale
	FROM item_search_before s LEFT JOIN (SELECT item_id, array_to_tsvector(array_agg(DISTINCT '=' || kind)) AS kinds
		FROM media WHERE item_id IS NOT NULL AND deleted_at IS NULL GROUP BY item_id) k USING (item_id)
	ORDER BY s.bucket, s.created_at;
DROP TABLE item_search_before;
ALTER TABLE item_search ADD PRIMARY KEY (item_id), ADD FOREIGN KEY (item_id) REFERENCES items ON DELETE CASCADE;
CREATE CONSTRAINT TRIGGER item_search_stale AFTER INSERT OR UPDATE ON item_search DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.is_stale) EXECUTE FUNCTION search_rebuild();
GRANT SELECT ON item_search TO safelight_api;
SET LOCAL maintenance_work_mem = '256MB';
CREATE INDEX item_search_keys ON item_search USING gin (search_keys(bucket, document)) WITH (fastupdate = off);
ALTER INDEX item_search_keys ALTER COLUMN 1 SET STATISTICS 0;

-- As before, but for `filtered`, and LIMIT 1 for EXISTS, of which the planner makes a hash of all rows of the table.
CREATE OR REPLACE FUNCTION search_items(owner uuid, written text, with_tag text, with_kind text, after_rank bigint,
	after_id uuid, most bigint) RETURNS TABLE (item_id uuid, rank bigint)
	LANGUAGE plpgsql STABLE ROWS 50 SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	candidates constant integer := 1000;
	term record;
	wanted tsquery;
	exact tsquery;
	filtered tsquery;
	buckets bigint[];
	questions tsquery[];
	looked integer := 0;
	step integer := 1;
	ids uuid[] := '{}';
	ranks bigint[] := '{}';
BEGIN
	FOR term IN SELECT u.lexeme FROM unnest(to_tsvector('pg_catalog.simple', search_fold(written))) u
		ORDER BY u.positions[1], u.lexeme LIMIT 8
	LOOP
		wanted := CASE WHEN wanted IS NULL THEN search_term(owner, term.lexeme)
			ELSE wanted && search_term(owner, term.lexeme) END;
		exact := CASE WHEN exact IS NULL THEN quote_literal(term.lexeme)::tsquery
			ELSE exact || quote_literal(term.lexeme)::tsquery END;
	END LOOP;
	IF wanted IS NULL THEN
		RETURN;
	END IF;
	filtered := wanted;
	IF with_kind IS NOT NULL THEN
		filtered := filtered && quote_literal('=' || with_kind)::tsquery;
	END IF;
	FOR term IN SELECT u.lexeme FROM unnest(to_tsvector('pg_catalog.simple', search_fold(coalesce(with_tag, '')))) u LOOP
		filtered := filtered && quote_literal(term.lexeme)::tsquery;
	END LOOP;
	buckets := ARRAY(SELECT b.id FROM search_buckets b WHERE b.owner_id = owner ORDER BY b.id DESC);
	WHILE looked < cardinality(buckets) AND cardinality(ids) < candidates LOOP
		questions := ARRAY(SELECT search_in_bucket(filtered, b) FROM unnest(buckets[looked + 1:looked + step]) b);
		SELECT ids || coalesce(array_agg(c.item_id), '{}'), ranks || coalesce(array_agg(c.rank), '{}') INTO ids, ranks
			FROM (SELECT s.item_id,
					round((ts_rank(s.document, wanted, 1) + ts_rank(s.document, exact, 1))::numeric * 1000000)::bigint AS rank
				FROM (SELECT d.item_id, d.document FROM unnest(questions) question
					CROSS JOIN LATERAL (SELECT k.item_id, k.created_at, k.document FROM item_search k
						WHERE k.owner_id = owner AND search_keys(k.bucket, k.document) @@ question
						AND (with_tag IS NULL OR (SELECT true FROM item_tags t WHERE t.item_id = k.item_id AND t.tag = with_tag LIMIT 1))
						AND (with_kind IS NULL OR (SELECT true FROM media m WHERE m.item_id = k.item_id
							AND m.deleted_at IS NULL AND m.kind = with_kind LIMIT 1)) OFFSET 0) d
					ORDER BY d.created_at DESC, d.item_id DESC LIMIT candidates - cardinality(ids)) s) c;
		looked := looked + step;
		step := CASE WHEN cardinality(ids) = 0 THEN step * 8
			ELSE least(looked, ceil((candidates - cardinality(ids)) * 1.1 * looked / cardinality(ids))) END;
	END LOOP;
	RETURN QUERY SELECT c.id, c.value FROM unnest(ids, ranks) c (id, value)
		WHERE (c.value, c.id) < (after_rank, after_id) ORDER BY c.value DESC, c.id DESC LIMIT most;
END
$$;
