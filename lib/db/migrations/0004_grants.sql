-- What each service's role may do; nothing for PUBLIC. Column lists keep a service from reading or changing what is not
-- its business (tests/integration/test_db.c tries what is forbidden).

DO $$
BEGIN
	EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
	EXECUTE format('GRANT CONNECT ON DATABASE %I TO safelight_ingest, safelight_transcoder, safelight_api',
		current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO safelight_ingest, safelight_transcoder, safelight_api;

-- ingest: begins and ends uploads, relays the outbox, reconciles, removes what was deleted. Knows of people only whether
-- they exist.
GRANT SELECT (id, account_class, deleted_at) ON users TO safelight_ingest;
GRANT SELECT (id, owner_id, deleted_at) ON items TO safelight_ingest;
GRANT SELECT, INSERT, DELETE ON media TO safelight_ingest;
GRANT UPDATE (state, reason_code, reason_detail, content_type, kind, sha256, original_etag, published_generation, item_id,
	alt, captured_at, visibility, version, updated_at, uploaded_at, ready_at, deleted_at) ON media TO safelight_ingest;
GRANT SELECT ON media_history TO safelight_ingest;
GRANT SELECT, DELETE ON variants TO safelight_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON uploads TO safelight_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO safelight_ingest;
GRANT SELECT, INSERT ON dead_letters TO safelight_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO safelight_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON deletions TO safelight_ingest;
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO safelight_ingest;
GRANT UPDATE (resource_id, status, response, fingerprint, created_at, expires_at) ON idempotency_keys TO safelight_ingest;
GRANT SELECT, INSERT ON usage TO safelight_ingest;
GRANT UPDATE (bytes, files, reserved_bytes, reserved_files, day, day_bytes, day_files, updated_at) ON usage
	TO safelight_ingest;
GRANT INSERT ON audit_log TO safelight_ingest;

-- transcoder: sees no person, no file name, no text of a user; writes what decoding found.
GRANT SELECT (id, owner_id, item_id, state, reason_code, kind, content_type, size, declared_sha256, sha256, original_key,
	original_etag, generation, published_generation, width, height, orientation, frames, pages, has_alpha, thumbhash,
	blurhash, dominant_color, exif, captured_at, version, created_at, uploaded_at, preview_at, ready_at, deleted_at)
	ON media TO safelight_transcoder;
GRANT UPDATE (state, reason_code, reason_detail, kind, sha256, published_generation, width, height, orientation, frames,
	pages, has_alpha, thumbhash, blurhash, dominant_color, perceptual_hash, exif, captured_at, version, updated_at,
	preview_at, ready_at) ON media TO safelight_transcoder;
GRANT SELECT, INSERT, UPDATE, DELETE ON variants TO safelight_transcoder;
GRANT SELECT ON jobs TO safelight_transcoder;
GRANT UPDATE (state, attempts, fencing_token, worker, lease_until, not_before, started_at, finished_at, last_error_code,
	last_error) ON jobs TO safelight_transcoder;
GRANT INSERT ON dead_letters TO safelight_transcoder;
GRANT INSERT ON outbox TO safelight_transcoder;
GRANT INSERT ON deletions TO safelight_transcoder;
GRANT SELECT (owner_id, bytes, files) ON usage TO safelight_transcoder;
GRANT UPDATE (bytes, files, updated_at) ON usage TO safelight_transcoder;

-- metadata-api: people, sessions, items; of media what their owners may change.
GRANT SELECT, INSERT, UPDATE ON users TO safelight_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO safelight_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON items TO safelight_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON item_tags TO safelight_api;
GRANT SELECT ON media, media_history TO safelight_api;
GRANT UPDATE (state, reason_code, reason_detail, item_id, position, generation, filename, alt, captured_at, visibility,
	version, updated_at, deleted_at) ON media TO safelight_api;
GRANT SELECT, DELETE ON variants TO safelight_api;
GRANT SELECT (id, media_id, owner_id, method, object_key, expires_at, completed_at, aborted_at, created_at) ON uploads
	TO safelight_api;
GRANT UPDATE (aborted_at) ON uploads TO safelight_api;
GRANT SELECT, INSERT ON jobs TO safelight_api;
GRANT UPDATE (state, lane, attempts, fencing_token, worker, lease_until, not_before, queued_at, finished_at,
	last_error_code, last_error, rung_at, rings) ON jobs TO safelight_api;
GRANT SELECT ON dead_letters TO safelight_api;
GRANT UPDATE (redriven_at) ON dead_letters TO safelight_api;
GRANT INSERT ON outbox TO safelight_api;
GRANT INSERT ON deletions TO safelight_api;
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO safelight_api;
GRANT UPDATE (resource_id, status, response, fingerprint, created_at, expires_at) ON idempotency_keys TO safelight_api;
GRANT SELECT, INSERT ON usage TO safelight_api;
GRANT UPDATE (bytes, files, reserved_bytes, reserved_files, updated_at) ON usage TO safelight_api;
GRANT SELECT, INSERT ON audit_log TO safelight_api;
