-- Filters and sorts of listings by index, full-text search of items, share links, and the list of changes for offline
-- clients. Everything derived is kept by triggers under their owner's rights, in the transaction of the change.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch;

-- ---- listings -------------------------------------------------------------------------------------------------------
-- The common value of each filter (private, ready, photo) is found by walking the owner's list; the rare ones have small
-- indexes of their own.
CREATE INDEX items_owner_rare_created ON items (owner_id, visibility, created_at DESC, id DESC)
	WHERE deleted_at IS NULL AND visibility <> 'private';
CREATE INDEX items_owner_rare_updated ON items (owner_id, visibility, updated_at DESC, id DESC)
	WHERE deleted_at IS NULL AND visibility <> 'private';
CREATE INDEX media_owner_rare_state ON media (owner_id, state, created_at DESC, id DESC)
	WHERE deleted_at IS NULL AND state <> 'ready';
CREATE INDEX media_owner_rare_kind ON media (owner_id, kind, created_at DESC, id DESC)
	WHERE deleted_at IS NULL AND kind <> 'photo';

-- Tags carry their item's times, so that the items of a tag are listed in order by one index.
ALTER TABLE item_tags ADD COLUMN created_at timestamptz, ADD COLUMN updated_at timestamptz;
DELETE FROM item_tags t USING items i WHERE i.id = t.item_id AND i.deleted_at IS NOT NULL;
UPDATE item_tags t SET created_at = i.created_at, updated_at = i.updated_at FROM items i WHERE i.id = t.item_id;
ALTER TABLE item_tags ALTER COLUMN created_at SET NOT NULL, ALTER COLUMN updated_at SET NOT NULL;
CREATE INDEX item_tags_owner_created ON item_tags (owner_id, tag, created_at DESC, item_id DESC);
CREATE INDEX item_tags_owner_updated ON item_tags (owner_id, tag, updated_at DESC, item_id DESC);
DROP INDEX item_tags_owner;

CREATE FUNCTION item_tag_take_times() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	SELECT created_at, updated_at INTO STRICT NEW.created_at, NEW.updated_at FROM items WHERE id = NEW.item_id;
	RETURN NEW;
END
$$;
CREATE TRIGGER item_tags_times BEFORE INSERT ON item_tags FOR EACH ROW EXECUTE FUNCTION item_tag_take_times();

CREATE FUNCTION item_pass_on_times() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF NEW.deleted_at IS NULL THEN
		UPDATE item_tags SET updated_at = NEW.updated_at WHERE item_id = NEW.id;
	ELSE
		DELETE FROM item_tags WHERE item_id = NEW.id;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER items_times AFTER UPDATE ON items FOR EACH ROW
	WHEN (OLD.updated_at IS DISTINCT FROM NEW.updated_at OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
	EXECUTE FUNCTION item_pass_on_times();

-- ---- search ---------------------------------------------------------------------------------------------------------
-- One document an item: title (A), tags (B), alt texts and file names (C), body (D). No stemming and no stop words, since
-- people write in every language: accents and case are folded, every word of a question is a prefix, and words that
-- nobody has are corrected from the owner's own vocabulary.
CREATE TABLE item_search (
	item_id uuid PRIMARY KEY REFERENCES items ON DELETE CASCADE,
	owner_id uuid NOT NULL,
	created_at timestamptz NOT NULL,
	document tsvector NOT NULL DEFAULT '',
	-- Something of it was changed; rebuilt once when the transaction commits.
	is_stale boolean NOT NULL DEFAULT true
) WITH (fillfactor = 80);
CREATE INDEX item_search_document ON item_search USING gin (owner_id, document) WITH (fastupdate = off);
CREATE INDEX item_search_newest ON item_search (owner_id, created_at DESC, item_id DESC);

-- Words stay when their last item goes; an owner's go with the owner.
CREATE TABLE search_words (
	owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
	word text COLLATE "C" NOT NULL,
	PRIMARY KEY (owner_id, word)
);
CREATE INDEX search_words_alike ON search_words USING gin (owner_id, word gin_trgm_ops) WITH (fastupdate = off);

-- Words in small letters without accents, separated by single spaces: safe to parse, whatever was written.
CREATE FUNCTION search_fold(written text) RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
	SELECT regexp_replace(lower(unaccent(normalize(written, NFKC)) COLLATE "und-x-icu"),
		'[^[:alnum:]]+' COLLATE "und-x-icu", ' ', 'g')
$$;

CREATE FUNCTION search_part(written text, weight "char") RETURNS tsvector
	LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
	SELECT setweight(to_tsvector('pg_catalog.simple', search_fold(left(coalesce(written, ''), 70000))), weight)
$$;

CREATE FUNCTION search_document(item uuid) RETURNS tsvector LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
	SELECT search_part(i.title, 'A')
		|| search_part((SELECT string_agg(tag, ' ') FROM item_tags WHERE item_id = i.id), 'B')
		|| search_part((SELECT string_agg(alt || ' ' || filename, ' ' ORDER BY position, id) FROM media
			WHERE item_id = i.id AND deleted_at IS NULL), 'C')
		|| search_part(i.body, 'D')
	FROM items i WHERE i.id = item
$$;

-- At commit. The mark holds the row's lock, and each statement below sees what was committed before it: of two
-- transactions that change one item the later one indexes both changes.
CREATE FUNCTION search_rebuild() RETURNS trigger
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
		WHERE char_length(lexeme) BETWEEN 2 AND 40 AND NOT lexeme = ANY (tsvector_to_array(before))
		ORDER BY lexeme
		ON CONFLICT DO NOTHING;
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER item_search_stale AFTER INSERT OR UPDATE ON item_search DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.is_stale) EXECUTE FUNCTION search_rebuild();

CREATE FUNCTION search_follow_item() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO item_search (item_id, owner_id, created_at) VALUES (NEW.id, NEW.owner_id, NEW.created_at);
	ELSIF NEW.deleted_at IS NOT NULL THEN
		DELETE FROM item_search WHERE item_id = NEW.id;
	ELSE
		UPDATE item_search SET is_stale = true WHERE item_id = NEW.id AND NOT is_stale;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER items_search_insert AFTER INSERT ON items FOR EACH ROW WHEN (NEW.deleted_at IS NULL)
	EXECUTE FUNCTION search_follow_item();
CREATE TRIGGER items_search_update AFTER UPDATE ON items FOR EACH ROW
	WHEN (OLD.title IS DISTINCT FROM NEW.title OR OLD.body IS DISTINCT FROM NEW.body
		OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
	EXECUTE FUNCTION search_follow_item();

-- Rows that belong to an item: its tags, its media.
CREATE FUNCTION search_follow_part() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF TG_OP <> 'INSERT' THEN
		UPDATE item_search SET is_stale = true WHERE item_id = OLD.item_id AND NOT is_stale;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		UPDATE item_search SET is_stale = true WHERE item_id = NEW.item_id AND NOT is_stale;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER item_tags_search AFTER INSERT OR DELETE ON item_tags FOR EACH ROW EXECUTE FUNCTION search_follow_part();
CREATE TRIGGER media_search_insert AFTER INSERT ON media FOR EACH ROW WHEN (NEW.item_id IS NOT NULL)
	EXECUTE FUNCTION search_follow_part();
CREATE TRIGGER media_search_update AFTER UPDATE ON media FOR EACH ROW
	WHEN ((OLD.item_id IS NOT NULL OR NEW.item_id IS NOT NULL) AND (OLD.item_id IS DISTINCT FROM NEW.item_id
		OR OLD.alt IS DISTINCT FROM NEW.alt OR OLD.filename IS DISTINCT FROM NEW.filename
		OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at))
	EXECUTE FUNCTION search_follow_part();
CREATE TRIGGER media_search_delete AFTER DELETE ON media FOR EACH ROW
	WHEN (OLD.item_id IS NOT NULL AND OLD.deleted_at IS NULL) EXECUTE FUNCTION search_follow_part();

-- The letters of a word in order: equal for words that differ by places alone.
CREATE FUNCTION search_letters(word text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
	SELECT string_agg(letter, '' ORDER BY letter COLLATE "C") FROM regexp_split_to_table(word, '') letter
$$;

-- A word of a question as a part of the query: what begins with it; or, when the owner has no such word, the three of
-- the owner's words that are nearest: one edit away, two neighbours swapped, or two edits in words of six letters and
-- more. Short words have too few trigrams to be found by them: those with the same first letter are looked through.
CREATE FUNCTION search_term(owner uuid, term text) RETURNS tsquery
	LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET pg_trgm.similarity_threshold = 0.25 AS $$
DECLARE
	letters integer := char_length(term);
	wanted tsquery := (quote_literal(term) || CASE WHEN char_length(term) >= 2 THEN ':*' ELSE '' END)::tsquery;
	near tsquery;
	nearest tsquery;
BEGIN
	IF letters < 4 OR letters > 40 OR EXISTS (SELECT FROM search_words w WHERE w.owner_id = owner
		AND w.word >= term COLLATE "C" AND w.word < (term || U&'\+10FFFF') COLLATE "C") THEN
		RETURN wanted;
	END IF;
	FOR near IN
		SELECT quote_literal(w.word)::tsquery FROM (SELECT s.word, levenshtein_less_equal(s.word, term, 2) AS edits FROM search_words s
			WHERE letters > 5 AND s.owner_id = owner AND s.word % term AND abs(char_length(s.word) - letters) <= 2
			UNION ALL
			SELECT s.word, levenshtein_less_equal(s.word, term, 2) FROM search_words s
			WHERE letters <= 5 AND s.owner_id = owner AND s.word >= left(term, 1) COLLATE "C"
				AND s.word < (left(term, 1) || U&'\+10FFFF') COLLATE "C" AND abs(char_length(s.word) - letters) <= 1) w
		WHERE w.edits <= 1 OR w.edits = 2 AND (letters > 5 OR search_letters(w.word) = search_letters(term))
		ORDER BY w.edits, similarity(w.word, term) DESC, w.word LIMIT 3
	LOOP
		nearest := CASE WHEN nearest IS NULL THEN near ELSE nearest || near END;
	END LOOP;
	RETURN coalesce(nearest, wanted);
END
$$;

-- The owner's items that have all words of `written`, best first, behind (after_rank, after_id): ranked are the newest
-- thousand that match, so that a word of every item costs no more than a rare one. EXECUTE plans each call for its own
-- words: a frequent word walks the newest items, a rare one uses the inverted index.
CREATE FUNCTION search_items(owner uuid, written text, with_tag text, with_kind text, after_rank bigint, after_id uuid,
	most bigint) RETURNS TABLE (item_id uuid, rank bigint)
	LANGUAGE plpgsql STABLE ROWS 50 SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
	term record;
	wanted tsquery;
	exact tsquery;
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
	RETURN QUERY EXECUTE 'SELECT c.item_id, c.rank FROM (SELECT s.item_id, '
		'  round((ts_rank(s.document, $2, 1) + ts_rank(s.document, $3, 1))::numeric * 1000000)::bigint AS rank '
		'  FROM (SELECT d.item_id, d.document FROM item_search d WHERE d.owner_id = $1 AND d.document @@ $2 '
		'    AND ($4 IS NULL OR EXISTS (SELECT FROM item_tags t WHERE t.item_id = d.item_id AND t.tag = $4)) '
		'    AND ($5 IS NULL OR EXISTS (SELECT FROM media m WHERE m.item_id = d.item_id AND m.deleted_at IS NULL '
		'      AND m.kind = $5)) '
		'    ORDER BY d.created_at DESC, d.item_id DESC LIMIT 1000) s) c '
		'WHERE (c.rank, c.item_id) < ($6, $7) ORDER BY c.rank DESC, c.item_id DESC LIMIT $8'
		USING owner, wanted, exact, with_tag, with_kind, after_rank, after_id, most;
END
$$;

INSERT INTO item_search (item_id, owner_id, created_at)
	SELECT id, owner_id, created_at FROM items WHERE deleted_at IS NULL;

-- ---- shares ---------------------------------------------------------------------------------------------------------
CREATE TABLE shares (
	id uuid PRIMARY KEY,
	item_id uuid NOT NULL REFERENCES items ON DELETE CASCADE,
	owner_id uuid NOT NULL,
	-- SHA-256 of a token of 256 random bits: the table gives no link away.
	token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
	password_hash text,
	allow_original boolean NOT NULL DEFAULT false,
	max_views bigint CHECK (max_views >= 1),
	views bigint NOT NULL DEFAULT 0 CHECK (views >= 0),
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz,
	revoked_at timestamptz,
	CONSTRAINT shares_views CHECK (views <= max_views)
) WITH (fillfactor = 50);
CREATE INDEX shares_item ON shares (item_id, created_at DESC, id DESC);

-- ---- changes --------------------------------------------------------------------------------------------------------
-- The latest change of each item and media of an owner, and tombstones.
--
-- A reader takes the rows of transactions below the oldest one still running (xmin of its snapshot), in the order
-- (transaction, place), and goes on behind the last it got. Nothing is missed: a transaction below xmin has ended, so no
-- row can appear there any more; all that appears later has a number of at least that xmin, which lies ahead of every
-- reader. Nothing is repeated: a row moves only by another change, whose transaction has not ended yet either, so it
-- moves to a place ahead of every reader (this may be a lower one than it had: a transaction that began before).
CREATE SEQUENCE change_places;
CREATE TABLE changes (
	object_id uuid PRIMARY KEY,
	owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
	kind text NOT NULL CHECK (kind IN ('item', 'media')),
	transaction bigint NOT NULL,
	place bigint NOT NULL,
	-- Not above any transaction that the row ever stood under: a reader behind it may have seen the object.
	made_transaction bigint NOT NULL,
	is_deleted boolean NOT NULL DEFAULT false,
	changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX changes_owner ON changes (owner_id, transaction, place);
CREATE INDEX changes_tombstones ON changes (owner_id, changed_at) WHERE is_deleted;

CREATE FUNCTION change_write(object uuid, owner uuid, object_kind text, gone boolean) RETURNS void
	LANGUAGE sql SET search_path = public, pg_temp AS $$
	INSERT INTO changes (object_id, owner_id, kind, transaction, place, made_transaction, is_deleted)
		SELECT object, owner, object_kind, number, nextval('change_places'), number, gone
		FROM (SELECT pg_current_xact_id()::text::bigint AS number) t
		ON CONFLICT (object_id) DO UPDATE SET transaction = EXCLUDED.transaction, place = EXCLUDED.place,
			made_transaction = least(changes.made_transaction, EXCLUDED.transaction), is_deleted = EXCLUDED.is_deleted, changed_at = EXCLUDED.changed_at
$$;

-- TG_ARGV[0]: the kind. Tombstones older than any cursor that is still taken (api.changes_days is at most 80) go with
-- the owner's next one.
CREATE FUNCTION change_follow() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		-- Erasing an owner removes their list of changes too.
		IF EXISTS (SELECT FROM users WHERE id = OLD.owner_id) THEN
			PERFORM change_write(OLD.id, OLD.owner_id, TG_ARGV[0], true);
		END IF;
		RETURN NULL;
	END IF;
	PERFORM change_write(NEW.id, NEW.owner_id, TG_ARGV[0], NEW.deleted_at IS NOT NULL);
	IF NEW.deleted_at IS NOT NULL THEN
		DELETE FROM changes WHERE object_id IN (SELECT object_id FROM changes WHERE owner_id = NEW.owner_id AND is_deleted
			AND changed_at < now() - interval '90 days' LIMIT 100 FOR UPDATE SKIP LOCKED);
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER items_changes_insert AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION change_follow('item');
CREATE TRIGGER items_changes_update AFTER UPDATE ON items FOR EACH ROW
	WHEN (OLD.version IS DISTINCT FROM NEW.version OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
	EXECUTE FUNCTION change_follow('item');
CREATE TRIGGER items_changes_delete AFTER DELETE ON items FOR EACH ROW WHEN (OLD.deleted_at IS NULL)
	EXECUTE FUNCTION change_follow('item');
CREATE TRIGGER media_changes_insert AFTER INSERT ON media FOR EACH ROW EXECUTE FUNCTION change_follow('media');
CREATE TRIGGER media_changes_update AFTER UPDATE ON media FOR EACH ROW
	WHEN (OLD.version IS DISTINCT FROM NEW.version OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at
		OR OLD.item_id IS DISTINCT FROM NEW.item_id)
	EXECUTE FUNCTION change_follow('media');
CREATE TRIGGER media_changes_delete AFTER DELETE ON media FOR EACH ROW WHEN (OLD.deleted_at IS NULL)
	EXECUTE FUNCTION change_follow('media');

INSERT INTO changes (object_id, owner_id, kind, transaction, place, made_transaction, is_deleted, changed_at)
	SELECT id, owner_id, kind, number, nextval('change_places'), number, is_deleted, changed_at
	FROM (SELECT id, owner_id, 'item' AS kind, deleted_at IS NOT NULL AS is_deleted, updated_at AS changed_at FROM items
		UNION ALL SELECT id, owner_id, 'media', deleted_at IS NOT NULL, updated_at FROM media) old,
		(SELECT pg_current_xact_id()::text::bigint AS number) t;

-- ---- rights ---------------------------------------------------------------------------------------------------------
GRANT SELECT ON item_search, changes TO safelight_api;
GRANT EXECUTE ON FUNCTION search_items(uuid, text, text, text, bigint, uuid, bigint) TO safelight_api;
GRANT SELECT, INSERT ON shares TO safelight_api;
GRANT UPDATE (views, revoked_at) ON shares TO safelight_api;
