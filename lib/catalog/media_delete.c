// Deleting media.
#include "base/cleanup.h"
#include "catalog/media.h"
#include "catalog/read.h"
#include "catalog/run.h"

static const struct db_statement lock_statement = {
	.name = "media_delete_lock",
	.sql = "SELECT item_id, state, published_generation FROM media WHERE id = $2 AND owner_id = $1 FOR NO KEY UPDATE",
	.parameter_count = 2,
};

// The row stays as a tombstone; objects go by the deletions list, so that a crash in between loses none. The original
// is removed a second time when its upload URL has surely expired, for a client may still be sending. $2 says what the
// old state counted as: taken, reserved, or nothing any more.
static const struct db_statement delete_statement = {
	.name = "media_delete",
	.sql = "WITH m AS (UPDATE media SET state = 'deleted', deleted_at = now(), reason_code = NULL, "
	       "    reason_detail = NULL, updated_at = now(), version = version + 1 WHERE id = $1 "
	       "  RETURNING id, owner_id, size, original_key), "
	       "j AS (UPDATE jobs SET state = 'failed', lease_until = NULL, finished_at = now(), "
	       "    fencing_token = fencing_token + 1, last_error_code = 'deleted', last_error = 'The media was deleted.' "
	       "  FROM m WHERE jobs.media_id = m.id AND jobs.state IN ('queued', 'running')), "
	       "u AS (UPDATE uploads SET aborted_at = now() FROM m WHERE uploads.media_id = m.id "
	       "  AND uploads.completed_at IS NULL AND uploads.aborted_at IS NULL), "
	       "q AS (UPDATE usage SET bytes = bytes - CASE WHEN $2 = 'taken' THEN m.size ELSE 0 END, "
	       "    files = files - CASE WHEN $2 = 'taken' THEN 1 ELSE 0 END, "
	       "    reserved_bytes = reserved_bytes - CASE WHEN $2 = 'reserved' THEN m.size ELSE 0 END, "
	       "    reserved_files = reserved_files - CASE WHEN $2 = 'reserved' THEN 1 ELSE 0 END, updated_at = now() "
	       "  FROM m WHERE usage.owner_id = m.owner_id AND $2 <> ''), "
	       "c AS (UPDATE items SET cover_media_id = NULL, version = version + 1, updated_at = now() "
	       "  FROM m WHERE items.cover_media_id = m.id), "
	       "v AS (DELETE FROM variants USING m WHERE variants.media_id = m.id RETURNING object_key), "
	       "d AS (INSERT INTO deletions (kind, target, media_id, not_before) "
	       "  SELECT 'original', m.original_key, m.id, now() FROM m UNION ALL "
	       "  SELECT 'original', m.original_key, m.id, x.expires_at + interval '1 hour' FROM m "
	       "    JOIN uploads x ON x.media_id = m.id WHERE x.expires_at > now() - interval '1 hour' UNION ALL "
	       "  SELECT 'variant', v.object_key, $1, now() FROM v WHERE v.object_key IS NOT NULL UNION ALL "
	       "  SELECT 'purge', '/m/' || m.id || '/', m.id, now() FROM m) "
	       "INSERT INTO outbox " CATALOG_EVENT_COLUMNS " SELECT " CATALOG_EVENT_VALUES
	       "  FROM m CROSS JOIN json_to_recordset($3::json) AS " CATALOG_EVENT_RECORD,
	.parameter_count = 3,
};

static const char *what_it_counts_as(enum media_state state)
{
	switch (state) {
	case MEDIA_AWAITING_UPLOAD:
		return "reserved";
	case MEDIA_UPLOADED:
	case MEDIA_PROCESSING:
	case MEDIA_READY:
	case MEDIA_FAILED:
		return "taken";
	default:
		return "";
	}
}

enum rc catalog_media_delete_in(struct db_connection *connection, const struct catalog *catalog,
                                const struct catalog_call *call, const struct uuid *owner_id,
                                const struct uuid *media_id, struct err *err)
{
	const struct db_value ids[] = { db_uuid(owner_id), db_uuid(media_id) };
	CLEANUP(db_result_free_pointer) struct db_result *found = NULL;
	struct event event = { .kind = EVENT_MEDIA };
	struct buffer events;
	enum media_state state;
	enum rc rc = db_execute(connection, &lock_statement, ids, 2, call->deadline, &found, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(found) == 0)
		return err_set(err, RC_NOT_FOUND, "there is no such media");
	state = read_state(found, 0, 1);
	if (state == MEDIA_DELETED)
		return RC_OK;
	event.media = (struct event_media){ .verb = MEDIA_VERB_DELETED,
		                            .media_id = *media_id,
		                            .owner_id = *owner_id,
		                            .state = MEDIA_DELETED,
		                            .generation = read_number(found, 0, 2),
		                            .has_item = !db_result_is_null(found, 0, 0),
		                            .item_id = db_result_uuid(found, 0, 0) };
	buffer_init(&events, CATALOG_ARGUMENT_BYTES);
	rc = catalog_events_write(catalog, call, &event, 1, &events, err);
	if (rc == RC_OK) {
		const struct db_value values[] = { db_uuid(media_id), db_text(what_it_counts_as(state)),
			                           db_text(buffer_text(&events)) };

		rc = db_execute(connection, &delete_statement, values, 3, call->deadline, NULL, err);
	}
	buffer_done(&events);
	return rc;
}

struct deleting {
	const struct catalog *catalog;
	const struct catalog_call *call;
	const struct uuid *owner_id;
	const struct uuid *media_id;
};

static enum rc delete_in(struct db_connection *connection, void *context, struct err *err)
{
	const struct deleting *deleting = context;

	return catalog_media_delete_in(connection, deleting->catalog, deleting->call, deleting->owner_id,
	                               deleting->media_id, err);
}

enum rc catalog_media_delete(const struct catalog *catalog, const struct catalog_call *call,
                             const struct uuid *owner_id, const struct uuid *media_id, struct err *err)
{
	struct deleting deleting = { .catalog = catalog, .call = call, .owner_id = owner_id, .media_id = media_id };

	return db_transaction(catalog->pool, call->deadline, delete_in, &deleting, err);
}
