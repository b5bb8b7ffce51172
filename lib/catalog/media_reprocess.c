// New generations of media that are ready.
#include "catalog/media_reprocess.h"

#include "base/cleanup.h"
#include "catalog/job_new.h"
#include "catalog/read.h"
#include "catalog/run.h"

// "Not begun": a job reads its preset and focal point when it is claimed. The media is locked, so none begins
// meanwhile.
static const struct db_statement lock_statement = {
	.name = "media_reprocess_lock",
	.sql = "SELECT state, kind, generation, preset, "
	       "  generation > published_generation AND NOT EXISTS (SELECT FROM jobs j WHERE j.media_id = m.id "
	       "    AND j.generation = m.generation AND (j.state <> 'queued' OR j.attempts > 0)) "
	       "FROM media m WHERE id = $1 AND ($2::uuid IS NULL OR owner_id = $2) AND deleted_at IS NULL "
	       "FOR NO KEY UPDATE",
	.parameter_count = 2,
};

static const struct db_statement begin_statement = {
	.name = "media_reprocess",
	.sql = "WITH m AS (UPDATE media SET generation = generation + 1, preset = $2, updated_at = now(), "
	       "    version = version + 1 WHERE id = $1 RETURNING id, owner_id, generation), "
	       "e AS (UPDATE jobs SET state = 'failed', lease_until = NULL, finished_at = now(), "
	       "    fencing_token = fencing_token + 1, last_error_code = 'overtaken', "
	       "    last_error = 'A newer generation was asked for.' "
	       "  FROM m WHERE jobs.media_id = m.id AND jobs.state IN ('queued', 'running')), "
	       "j AS (INSERT INTO jobs (id, media_id, owner_id, generation, pool, lane, required) "
	       "  SELECT job.id, m.id, m.owner_id, m.generation, job.pool, job.lane, job.required "
	       "  FROM m CROSS JOIN json_to_recordset($3::json) AS " JOB_NEW_RECORD ") "
	       "INSERT INTO outbox " CATALOG_EVENT_COLUMNS " SELECT " CATALOG_EVENT_VALUES
	       "  FROM m CROSS JOIN json_to_recordset($4::json) AS " CATALOG_EVENT_RECORD,
	.parameter_count = 4,
};

struct reprocessing {
	const struct catalog *catalog;
	const struct catalog_call *call;
	const struct media_reprocess *reprocess;
	struct media_reprocessed reprocessed;
};

// Pools by the wanted preset; of a media whose own is gone, by the default.
static enum rc choose_pools(const struct media_reprocess *reprocess, const char *present, enum media_kind kind,
                            const char **ret_preset, struct preset_pool ret_pools[PRESET_POOLS_MAX], size_t *ret_count,
                            struct err *err)
{
	const char *preset = reprocess->preset == NULL ? present : reprocess->preset;
	bool is_known = reprocess->pools(reprocess->pools_context, preset, kind, ret_pools, ret_count);

	if (!is_known && reprocess->preset == NULL) {
		preset = PRESET_NAME_DEFAULT;
		is_known = reprocess->pools(reprocess->pools_context, preset, kind, ret_pools, ret_count);
	}
	if (!is_known)
		return err_set(err, RC_INVALID, "there is no preset %s", preset);
	if (*ret_count == 0)
		return err_set(err, RC_CONFLICT, "a %s has no variants to make", media_kind_name(kind));
	*ret_preset = preset;
	return RC_OK;
}

static enum rc begin(struct db_connection *connection, struct reprocessing *reprocessing, const char *preset,
                     const struct preset_pool *pools, size_t count, struct err *err)
{
	const struct uuid *media_id = &reprocessing->reprocess->media_id;
	struct event events[PRESET_POOLS_MAX];
	struct buffer jobs, messages;
	enum rc rc;

	buffer_init(&jobs, CATALOG_ARGUMENT_BYTES);
	buffer_init(&messages, CATALOG_ARGUMENT_BYTES);
	job_new_write(pools, count, LANE_BULK, media_id, reprocessing->reprocessed.generation, &jobs, events);
	rc = catalog_events_write(reprocessing->catalog, reprocessing->call, events, count, &messages, err);
	if (rc == RC_OK && !buffer_ok(&jobs))
		rc = err_set(err, RC_NO_MEMORY, "reprocess: no memory");
	if (rc == RC_OK) {
		const struct db_value values[] = { db_uuid(media_id), db_text(preset), db_text(buffer_text(&jobs)),
			                           db_text(buffer_text(&messages)) };

		rc = db_execute(connection, &begin_statement, values, 4, db_connection_deadline(connection), NULL, err);
	}
	buffer_done(&jobs);
	buffer_done(&messages);
	return rc;
}

static enum rc reprocess_in(struct db_connection *connection, void *context, struct err *err)
{
	struct reprocessing *reprocessing = context;
	const struct media_reprocess *reprocess = reprocessing->reprocess;
	const struct db_value ids[] = { db_uuid(&reprocess->media_id), db_uuid(reprocess->owner_id) };
	CLEANUP(db_result_free_pointer) struct db_result *found = NULL;
	struct preset_pool pools[PRESET_POOLS_MAX];
	const char *preset = NULL, *present;
	size_t count = 0;
	enum rc rc = db_execute(connection, &lock_statement, ids, 2, db_connection_deadline(connection), &found, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(found) == 0)
		return err_set(err, RC_NOT_FOUND, "there is no such media");
	if (read_state(found, 0, 0) != MEDIA_READY)
		return err_set(err, RC_CONFLICT, "the media is %s, and only a ready one can be made anew",
		               media_state_name(read_state(found, 0, 0)));
	present = db_result_text(found, 0, 3);
	rc = choose_pools(reprocess, present, read_kind(found, 0, 1), &preset, pools, &count, err);
	if (rc != RC_OK)
		return rc;
	reprocessing->reprocessed = (struct media_reprocessed){ .generation = read_number(found, 0, 2) };
	if (db_result_bool(found, 0, 4) && strcmp(preset, present) == 0)
		return RC_OK;
	reprocessing->reprocessed.generation++;
	reprocessing->reprocessed.is_new = true;
	return begin(connection, reprocessing, preset, pools, count, err);
}

enum rc catalog_media_reprocess(const struct catalog *catalog, const struct catalog_call *call,
                                const struct media_reprocess *reprocess, struct media_reprocessed *ret_reprocessed,
                                struct err *err)
{
	struct reprocessing reprocessing = { .catalog = catalog, .call = call, .reprocess = reprocess };
	enum rc rc = db_transaction(catalog->pool, call->deadline, reprocess_in, &reprocessing, err);

	if (rc == RC_OK)
		*ret_reprocessed = reprocessing.reprocessed;
	return rc;
}
