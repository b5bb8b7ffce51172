// Ending uploads: completed, rejected, expired or aborted, whoever comes first.
#include <assert.h>

#include "catalog/job_new.h"
#include "catalog/media.h"
#include "catalog/read.h"
#include "catalog/run.h"
#include "catalog/upload.h"

// Where an upload stands, and what its events need.
static const struct db_statement look_statement = {
	.name = "upload_look",
	.sql = "SELECT m.id, m.owner_id, m.item_id, m.generation, m.state, m.version, u.completed_at IS NOT NULL "
	       "FROM uploads u JOIN media m ON m.id = u.media_id WHERE u.id = $1",
	.parameter_count = 1,
	.read_only = true,
};

struct upload_look {
	struct uuid media_id;
	struct uuid owner_id;
	bool has_item;
	struct uuid item_id;
	uint32_t generation;
	enum media_state state;
	int64_t version;
	bool is_completed;
};

static const struct db_statement complete_statement = {
	.name = "upload_complete",
	.sql = "WITH m AS (UPDATE media SET state = 'uploaded', content_type = $2, kind = $3, original_etag = $4, "
	       "    sha256 = coalesce($5, sha256), uploaded_at = now(), updated_at = now(), version = version + 1 "
	       "  FROM uploads u WHERE u.id = $1 AND media.id = u.media_id AND media.state = 'awaiting_upload' "
	       "  RETURNING media.id, media.owner_id, media.generation, media.size, media.version), "
	       "u AS (UPDATE uploads SET completed_at = now() FROM m WHERE uploads.media_id = m.id), "
	       "j AS (INSERT INTO jobs (id, media_id, owner_id, generation, pool, lane, required) "
	       "  SELECT job.id, m.id, m.owner_id, m.generation, job.pool, job.lane, job.required "
	       "  FROM m CROSS JOIN json_to_recordset($6::json) AS " JOB_NEW_RECORD "), "
	       "q AS (UPDATE usage SET bytes = bytes + m.size, files = files + 1, "
	       "    reserved_bytes = reserved_bytes - m.size, reserved_files = reserved_files - 1, updated_at = now() "
	       "  FROM m WHERE usage.owner_id = m.owner_id), "
	       "o AS (INSERT INTO outbox " CATALOG_EVENT_COLUMNS " SELECT " CATALOG_EVENT_VALUES
	       "  FROM m CROSS JOIN json_to_recordset($7::json) AS " CATALOG_EVENT_RECORD ") "
	       "SELECT version FROM m",
	.parameter_count = 7,
};

// A file has no jobs: nothing is left to wait for.
static const struct db_statement file_ready_statement = {
	.name = "upload_file_ready",
	.sql = "UPDATE media SET state = 'ready', ready_at = now(), updated_at = now(), version = version + 1 "
	       "WHERE id = $1 AND state = 'uploaded' RETURNING version",
	.parameter_count = 1,
};

// The object is removed twice: now, and once more when its URL has surely expired, for a client may still be sending.
static const struct db_statement end_statement = {
	.name = "upload_end",
	.sql = "WITH m AS (UPDATE media SET state = $2, reason_code = $3, reason_detail = $4, "
	       "    deleted_at = CASE WHEN $2 = 'deleted' THEN now() END, updated_at = now(), version = version + 1 "
	       "  FROM uploads u WHERE u.id = $1 AND media.id = u.media_id AND media.state = 'awaiting_upload' "
	       "  RETURNING media.id, media.owner_id, media.size, media.version, u.object_key, u.expires_at), "
	       "u AS (UPDATE uploads SET aborted_at = now() FROM m WHERE uploads.media_id = m.id), "
	       "q AS (UPDATE usage SET reserved_bytes = reserved_bytes - m.size, reserved_files = reserved_files - 1, "
	       "    updated_at = now() FROM m WHERE usage.owner_id = m.owner_id), "
	       "d AS (INSERT INTO deletions (kind, target, media_id, not_before) "
	       "  SELECT 'original', m.object_key, m.id, due FROM m CROSS JOIN "
	       "    LATERAL (VALUES (now()), (greatest(now(), m.expires_at) + interval '1 hour')) AS times (due)), "
	       "o AS (INSERT INTO outbox " CATALOG_EVENT_COLUMNS " SELECT " CATALOG_EVENT_VALUES
	       "  FROM m CROSS JOIN json_to_recordset($5::json) AS " CATALOG_EVENT_RECORD ") "
	       "SELECT version FROM m",
	.parameter_count = 5,
};

static enum rc look(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *upload_id,
                    struct upload_look *ret_look, struct err *err)
{
	const struct db_value value = db_uuid(upload_id);
	struct db_result *result = NULL;
	enum rc rc = catalog_run(catalog, call, &look_statement, &value, 1, &result, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0) {
		db_result_free(result);
		return err_set(err, RC_NOT_FOUND, "there is no such upload");
	}
	*ret_look = (struct upload_look){
		.media_id = db_result_uuid(result, 0, 0),
		.owner_id = db_result_uuid(result, 0, 1),
		.has_item = !db_result_is_null(result, 0, 2),
		.item_id = db_result_uuid(result, 0, 2),
		.generation = read_number(result, 0, 3),
		.state = read_state(result, 0, 4),
		.version = db_result_int64(result, 0, 5),
		.is_completed = db_result_bool(result, 0, 6),
	};
	db_result_free(result);
	return RC_OK;
}

static struct event media_event(const struct upload_look *look, enum event_media_verb verb, enum media_state state,
                                enum media_reason reason)
{
	struct event event = { .kind = EVENT_MEDIA };

	event.media = (struct event_media){ .verb = verb,
		                            .media_id = look->media_id,
		                            .owner_id = look->owner_id,
		                            .state = state,
		                            .reason = reason,
		                            .has_item = look->has_item,
		                            .item_id = look->item_id };
	return event;
}

static void fill_ended(const struct upload_look *look, bool changed, enum media_state state, int64_t version,
                       struct upload_ended *ret_ended)
{
	*ret_ended = (struct upload_ended){ .changed = changed,
		                            .media_id = look->media_id,
		                            .owner_id = look->owner_id,
		                            .state = state,
		                            .version = version };
}

// The upload had ended when we came (or while we did): look how.
static enum rc answer_ended(const struct catalog *catalog, const struct catalog_call *call,
                            const struct uuid *upload_id, enum media_state wanted, struct upload_ended *ret_ended,
                            struct err *err)
{
	struct upload_look found = { 0 };
	enum rc rc = look(catalog, call, upload_id, &found, err);

	if (rc != RC_OK)
		return rc;
	fill_ended(&found, false, found.state, found.version, ret_ended);
	if (wanted == MEDIA_UPLOADED ? found.is_completed : !found.is_completed && found.state == wanted)
		return RC_OK;
	return err_set(err, RC_CONFLICT, "the upload has %s before; its media is %s",
	               found.is_completed ? "been completed" : "ended", media_state_name(found.state));
}

struct completing {
	const struct catalog *catalog;
	const struct catalog_call *call;
	const struct upload_completion *completion;
	const struct upload_look *found;
	const char *jobs;
	const char *events;
	bool changed;
	int64_t version;
};

static void fill_complete_values(const struct completing *completing, struct db_value ret_values[7])
{
	const struct upload_completion *completion = completing->completion;

	ret_values[0] = db_uuid(&completion->upload_id);
	ret_values[1] = db_text(completion->content_type);
	ret_values[2] = db_text(media_kind_name(completion->kind));
	ret_values[3] = db_text(completion->etag);
	ret_values[4] = db_bytes(completion->sha256, 32);
	ret_values[5] = db_text(completing->jobs);
	ret_values[6] = db_text(completing->events);
}

static void read_changed(struct db_result *result, struct completing *completing)
{
	completing->changed = db_result_rows(result) == 1;
	if (completing->changed)
		completing->version = db_result_int64(result, 0, 0);
	db_result_free(result);
}

// Two steps of the state table, so two statements, in one transaction.
static enum rc complete_file_in(struct db_connection *connection, void *context, struct err *err)
{
	struct completing *completing = context;
	struct event event = media_event(completing->found, MEDIA_VERB_READY, MEDIA_READY, REASON_NONE);
	const struct db_value media_id = db_uuid(&completing->found->media_id);
	struct deadline deadline = db_connection_deadline(connection);
	struct db_value values[7];
	struct db_result *result = NULL;
	enum rc rc;

	fill_complete_values(completing, values);
	rc = db_execute(connection, &complete_statement, values, 7, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	read_changed(result, completing);
	if (!completing->changed)
		return RC_OK;
	rc = db_execute(connection, &file_ready_statement, &media_id, 1, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	read_changed(result, completing);
	return catalog_outbox_add(connection, completing->catalog, completing->call, &event, 1, err);
}

static enum rc complete(struct completing *completing, struct err *err)
{
	struct db_value values[7];
	struct db_result *result = NULL;
	enum rc rc;

	if (completing->completion->pool_count == 0)
		return db_transaction(completing->catalog->pool, completing->call->deadline, complete_file_in,
		                      completing, err);
	fill_complete_values(completing, values);
	rc = catalog_run(completing->catalog, completing->call, &complete_statement, values, 7, &result, err);
	if (rc == RC_OK)
		read_changed(result, completing);
	return rc;
}

enum rc catalog_upload_complete(const struct catalog *catalog, const struct catalog_call *call,
                                const struct upload_completion *completion, struct upload_ended *ret_ended,
                                struct err *err)
{
	struct event events[PRESET_POOLS_MAX + 1];
	struct upload_look found = { 0 };
	struct buffer jobs, messages;
	struct completing completing = { .catalog = catalog, .call = call, .completion = completion, .found = &found };
	enum rc rc;

	assert(completion->pool_count <= PRESET_POOLS_MAX);
	rc = look(catalog, call, &completion->upload_id, &found, err);
	if (rc != RC_OK)
		return rc;
	buffer_init(&jobs, CATALOG_ARGUMENT_BYTES);
	buffer_init(&messages, CATALOG_ARGUMENT_BYTES);
	events[0] = media_event(&found, MEDIA_VERB_UPLOADED, MEDIA_UPLOADED, REASON_NONE);
	job_new_write(completion->pools, completion->pool_count, completion->lane, &found.media_id, found.generation,
	              &jobs, events + 1);
	rc = catalog_events_write(catalog, call, events, completion->pool_count + 1, &messages, err);
	if (rc == RC_OK && !buffer_ok(&jobs))
		rc = err_set(err, RC_NO_MEMORY, "upload: no memory");
	completing.jobs = buffer_text(&jobs);
	completing.events = buffer_text(&messages);
	if (rc == RC_OK)
		rc = complete(&completing, err);
	buffer_done(&jobs);
	buffer_done(&messages);
	if (rc != RC_OK)
		return rc;
	if (!completing.changed)
		return answer_ended(catalog, call, &completion->upload_id, MEDIA_UPLOADED, ret_ended, err);
	fill_ended(&found, true, completion->pool_count == 0 ? MEDIA_READY : MEDIA_UPLOADED, completing.version,
	           ret_ended);
	return RC_OK;
}

// The other three ends.
static enum rc end(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *upload_id,
                   enum event_media_verb verb, enum media_state state, enum media_reason reason, const char *detail,
                   struct upload_ended *ret_ended, struct err *err)
{
	struct upload_look found = { 0 };
	struct buffer events;
	struct event event;
	struct db_result *result = NULL;
	bool changed = false;
	enum rc rc = look(catalog, call, upload_id, &found, err);

	if (rc != RC_OK)
		return rc;
	buffer_init(&events, CATALOG_ARGUMENT_BYTES);
	event = media_event(&found, verb, state, reason);
	rc = catalog_events_write(catalog, call, &event, 1, &events, err);
	if (rc == RC_OK) {
		const struct db_value values[] = {
			db_uuid(upload_id),
			db_text(media_state_name(state)),
			db_text(reason == REASON_NONE ? NULL : media_reason_name(reason)),
			db_text(detail),
			db_text(buffer_text(&events)),
		};

		rc = catalog_run(catalog, call, &end_statement, values, 5, &result, err);
	}
	buffer_done(&events);
	if (rc != RC_OK)
		return rc;
	changed = db_result_rows(result) == 1;
	if (changed)
		fill_ended(&found, true, state, db_result_int64(result, 0, 0), ret_ended);
	db_result_free(result);
	return changed ? RC_OK : answer_ended(catalog, call, upload_id, state, ret_ended, err);
}

enum rc catalog_upload_reject(const struct catalog *catalog, const struct catalog_call *call,
                              const struct uuid *upload_id, enum media_reason reason, const char *detail,
                              struct upload_ended *ret_ended, struct err *err)
{
	assert(reason != REASON_NONE && media_reason_state(reason) == MEDIA_REJECTED);
	return end(catalog, call, upload_id, MEDIA_VERB_REJECTED, MEDIA_REJECTED, reason,
	           detail == NULL ? media_reason_detail(reason) : detail, ret_ended, err);
}

enum rc catalog_upload_expire(const struct catalog *catalog, const struct catalog_call *call,
                              const struct uuid *upload_id, struct upload_ended *ret_ended, struct err *err)
{
	return end(catalog, call, upload_id, MEDIA_VERB_EXPIRED, MEDIA_EXPIRED, REASON_NONE, NULL, ret_ended, err);
}

enum rc catalog_upload_abort(const struct catalog *catalog, const struct catalog_call *call,
                             const struct uuid *upload_id, struct upload_ended *ret_ended, struct err *err)
{
	return end(catalog, call, upload_id, MEDIA_VERB_DELETED, MEDIA_DELETED, REASON_NONE, NULL, ret_ended, err);
}
