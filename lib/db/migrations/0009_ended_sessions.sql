-- Ingest refuses the access tokens of sessions that have ended, as metadata-api does; it learns nothing else of them.
GRANT SELECT (id, revoked_at) ON sessions TO safelight_ingest;
