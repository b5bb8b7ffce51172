-- The API may see how much waits and of which media, not the keys of what is to be deleted.
REVOKE SELECT ON outbox, deletions FROM safelight_api;
GRANT SELECT (id, subject, payload, created_at, sent_at, attempts) ON outbox TO safelight_api;
GRANT SELECT (id, media_id, kind, not_before, created_at, last_error) ON deletions TO safelight_api;
