-- What pictures say of themselves: where they were taken, for owners who want that kept, and what they look like.

-- ---- positions ------------------------------------------------------------------------------------------------------
-- Kept apart from media, so that no statement shows one by accident: only the owner's own reading of one media and the
-- export name this table. Whoever writes, the two triggers hold that a position is there only while its owner wants it.
ALTER TABLE users ADD COLUMN keep_positions boolean NOT NULL DEFAULT false;

CREATE TABLE media_positions (
	media_id uuid PRIMARY KEY REFERENCES media ON DELETE CASCADE,
	owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
	-- Millionths of a degree, north and east positive.
	latitude_e6 integer NOT NULL CHECK (latitude_e6 BETWEEN -90000000 AND 90000000),
	longitude_e6 integer NOT NULL CHECK (longitude_e6 BETWEEN -180000000 AND 180000000),
	-- Above sea level; NULL: unknown.
	altitude_mm integer
);
CREATE INDEX media_positions_owner ON media_positions (owner_id);

-- Lets a position in only while its owner keeps positions. The lock makes it wait for a change of that under way and
-- then see it; and makes a change wait that comes later, whose removal then sees this row.
CREATE FUNCTION position_admit() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	SELECT owner_id INTO NEW.owner_id FROM media WHERE id = NEW.media_id AND deleted_at IS NULL;
	PERFORM FROM users WHERE id = NEW.owner_id AND keep_positions AND deleted_at IS NULL FOR SHARE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER media_positions_admitted BEFORE INSERT ON media_positions
	FOR EACH ROW EXECUTE FUNCTION position_admit();

CREATE FUNCTION position_forget_owner() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	DELETE FROM media_positions WHERE owner_id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER users_positions AFTER UPDATE OF keep_positions, deleted_at ON users FOR EACH ROW
	WHEN (OLD.keep_positions AND (NOT NEW.keep_positions OR NEW.deleted_at IS NOT NULL))
	EXECUTE FUNCTION position_forget_owner();

-- A tombstone has been nowhere.
CREATE FUNCTION position_forget_media() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	DELETE FROM media_positions WHERE media_id = NEW.id;
	RETURN NULL;
END
$$;
CREATE TRIGGER media_positions_deleted AFTER UPDATE OF deleted_at ON media FOR EACH ROW
	WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION position_forget_media();

-- ---- likeness -------------------------------------------------------------------------------------------------------
-- Perceptual hashes within a Hamming distance, without looking at all of an owner's: of four bands of 16 bits, two
-- hashes that differ in at most 4 r + 3 bits agree in one band but for r bits (Norouzi, Punjani, Fleet: Fast Search in
-- Hamming Space with Multi-Index Hashing). lib/catalog/media_similar.c asks these indexes for each such band.
CREATE INDEX media_likeness_0 ON media (owner_id, (perceptual_hash & 65535))
	WHERE perceptual_hash IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX media_likeness_1 ON media (owner_id, (perceptual_hash >> 16 & 65535))
	WHERE perceptual_hash IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX media_likeness_2 ON media (owner_id, (perceptual_hash >> 32 & 65535))
	WHERE perceptual_hash IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX media_likeness_3 ON media (owner_id, (perceptual_hash >> 48 & 65535))
	WHERE perceptual_hash IS NOT NULL AND deleted_at IS NULL;

-- ---- rights ---------------------------------------------------------------------------------------------------------
GRANT SELECT (id, keep_positions) ON users TO safelight_transcoder;
-- The same bytes always say the same place: there is nothing to update, and nothing to read.
GRANT INSERT, SELECT (media_id) ON media_positions TO safelight_transcoder;
GRANT SELECT (perceptual_hash) ON media TO safelight_transcoder;
GRANT SELECT ON media_positions TO safelight_api;
