-- What variants are made by, and what a crop must keep: read when a job is claimed, changed by making a new generation.
ALTER TABLE media
	-- A name of the configuration's; who no longer knows it falls back to the default.
	ADD COLUMN preset text NOT NULL DEFAULT 'default' CHECK (octet_length(preset) BETWEEN 1 AND 32),
	-- Parts of the upright picture's width and height, from the left and the top. Both or neither.
	ADD COLUMN focal_x double precision CHECK (focal_x BETWEEN 0 AND 1),
	ADD COLUMN focal_y double precision CHECK (focal_y BETWEEN 0 AND 1),
	ADD CONSTRAINT media_focal CHECK ((focal_x IS NULL) = (focal_y IS NULL));

GRANT SELECT (preset, focal_x, focal_y) ON media TO safelight_transcoder;
GRANT UPDATE (preset, focal_x, focal_y) ON media TO safelight_api;
