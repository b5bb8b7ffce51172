// Failed attempts, failed jobs, and redriving them.
#include <assert.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "catalog/job.h"
#include "catalog/job_lock.h"
#include "catalog/read.h"
#include "media/preset.h"

static const struct db_statement requeue_statement = {
	.name = "job_requeue",
	.sql = "UPDATE jobs SET state = 'queued', lease_until = NULL, worker = NULL, "
	       "not_before = now() + $2::bigint * interval '1 millisecond', last_error_code = $3, last_error = $4 "
	       "WHERE id = $1",
	.parameter_count = 4,
};

static const struct db_statement fail_job_statement = {
	.name = "job_fail",
	.sql = "WITH j AS (UPDATE jobs SET state = 'failed', lease_until = NULL, finished_at = now(), "
	       "    last_error_code = $2, last_error = $3 WHERE id = $1 "
	       "  RETURNING id, media_id, owner_id, generation, pool, attempts) "
	       "INSERT INTO dead_letters (job_id, media_id, owner_id, generation, pool, attempts, code, detail) "
	       "SELECT id, media_id, owner_id, generation, pool, attempts, $2, $3 FROM j",
	.parameter_count = 3,
};

// The media ends with its required job. Its other jobs end too (a running one by its token); what is rejected takes no
// room any more and its files go.
static const struct db_statement fail_media_statement = {
	.name = "job_fail_media",
	.sql = "WITH m AS (UPDATE media SET state = $2, reason_code = $3, reason_detail = $4, updated_at = now(), "
	       "    version = version + 1, published_generation = CASE WHEN $2 = 'rejected' THEN 0 "
	       "    ELSE published_generation END "
	       "  WHERE id = $1 AND state IN ('uploaded', 'processing') RETURNING id, owner_id, size, original_key), "
	       "j AS (UPDATE jobs SET state = 'failed', lease_until = NULL, finished_at = now(), "
	       "    fencing_token = fencing_token + 1, last_error_code = $3, last_error = $4 "
	       "  FROM m WHERE jobs.media_id = m.id AND jobs.state IN ('queued', 'running')), "
	       "r AS (SELECT * FROM m WHERE $2 = 'rejected'), "
	       "q AS (UPDATE usage SET bytes = bytes - r.size, files = files - 1, updated_at = now() "
	       "  FROM r WHERE usage.owner_id = r.owner_id), "
	       "v AS (DELETE FROM variants USING r WHERE variants.media_id = r.id RETURNING media_id, object_key), "
	       "d AS (INSERT INTO deletions (kind, target, media_id) "
	       "  SELECT 'original', original_key, id FROM r UNION ALL "
	       "  SELECT 'variant', object_key, media_id FROM v WHERE object_key IS NOT NULL) "
	       "INSERT INTO outbox " CATALOG_EVENT_COLUMNS " SELECT " CATALOG_EVENT_VALUES
	       "  FROM m CROSS JOIN json_to_recordset($5::json) AS " CATALOG_EVENT_RECORD,
	.parameter_count = 5,
};

struct failing {
	const struct catalog *catalog;
	const struct catalog_call *call;
	const struct uuid *job_id;
	int64_t token;
	enum media_reason reason;
	const char *detail;
	int64_t retry_ms;
	struct job_failed failed;
};

static enum rc end_media(struct db_connection *connection, const struct job_lock *lock, const struct failing *failing,
                         struct err *err)
{
	enum media_state state = media_reason_state(failing->reason);
	struct event event = job_lock_event(lock, state == MEDIA_REJECTED ? MEDIA_VERB_REJECTED : MEDIA_VERB_FAILED,
	                                    state, failing->reason);
	struct buffer events;
	enum rc rc;

	if (state == MEDIA_REJECTED)
		event.media.generation = 0;
	buffer_init(&events, CATALOG_ARGUMENT_BYTES);
	rc = catalog_events_write(failing->catalog, failing->call, &event, 1, &events, err);
	if (rc == RC_OK) {
		const struct db_value values[] = {
			db_uuid(&lock->media_id),
			db_text(media_state_name(state)),
			db_text(media_reason_name(failing->reason)),
			db_text(failing->detail),
			db_text(buffer_text(&events)),
		};

		rc = db_execute(connection, &fail_media_statement, values, 5, db_connection_deadline(connection), NULL,
		                err);
	}
	buffer_done(&events);
	return rc;
}

// End the job for good, and its media when that depends on it.
static enum rc end_job(struct db_connection *connection, const struct job_lock *lock, struct failing *failing,
                       struct err *err)
{
	const struct db_value values[] = { db_uuid(&lock->job_id), db_text(media_reason_name(failing->reason)),
		                           db_text(failing->detail) };
	enum rc rc =
	        db_execute(connection, &fail_job_statement, values, 3, db_connection_deadline(connection), NULL, err);

	failing->failed.is_final = true;
	failing->failed.media_ended =
	        lock->required && (lock->media_state == MEDIA_UPLOADED || lock->media_state == MEDIA_PROCESSING);
	if (rc == RC_OK && failing->failed.media_ended)
		rc = end_media(connection, lock, failing, err);
	return rc;
}

static enum rc requeue(struct db_connection *connection, const struct failing *failing, struct err *err)
{
	const struct db_value values[] = { db_uuid(failing->job_id), db_int64(failing->retry_ms),
		                           db_text(media_reason_name(failing->reason)), db_text(failing->detail) };

	return db_execute(connection, &requeue_statement, values, 4, db_connection_deadline(connection), NULL, err);
}

static enum rc fail_in(struct db_connection *connection, void *context, struct err *err)
{
	struct failing *failing = context;
	struct job_lock lock;
	enum rc rc = job_lock_take(connection, failing->job_id, &lock, err);

	if (rc != RC_OK)
		return rc;
	failing->failed = (struct job_failed){ .attempts = lock.attempts };
	// What an earlier call did whose answer was lost.
	if (lock.token == failing->token && lock.last_reason == failing->reason &&
	    (lock.state == JOB_QUEUED || lock.state == JOB_FAILED)) {
		failing->failed.is_final = lock.state == JOB_FAILED;
		return RC_OK;
	}
	if (lock.token != failing->token || lock.state != JOB_RUNNING)
		return err_set(err, RC_CONFLICT, JOB_LOST_TEXT);
	if (media_reason_is_retryable(failing->reason) && lock.attempts < LIMIT_JOB_ATTEMPTS)
		return requeue(connection, failing, err);
	return end_job(connection, &lock, failing, err);
}

enum rc catalog_job_fail(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                         int64_t token, enum media_reason reason, const char *detail, int64_t retry_ms,
                         struct job_failed *ret_failed, struct err *err)
{
	struct failing failing = { .catalog = catalog,
		                   .call = call,
		                   .job_id = job_id,
		                   .token = token,
		                   .reason = reason,
		                   .detail = detail == NULL ? media_reason_detail(reason) : detail,
		                   .retry_ms = retry_ms };
	enum rc rc;

	assert(reason != REASON_NONE);
	rc = db_transaction(catalog->pool, call->deadline, fail_in, &failing, err);
	if (rc == RC_OK)
		*ret_failed = failing.failed;
	return rc;
}

static enum rc exhaust_in(struct db_connection *connection, void *context, struct err *err)
{
	struct failing *failing = context;
	struct job_lock lock;
	enum rc rc = job_lock_take(connection, failing->job_id, &lock, err);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (lock.attempts < LIMIT_JOB_ATTEMPTS || !(lock.state == JOB_QUEUED || lock.is_lapsed))
		return RC_OK;
	// A lease that ran out says nothing but that its worker is gone; an earlier attempt may have said more.
	failing->reason = lock.last_reason == REASON_NONE ? REASON_INTERNAL : lock.last_reason;
	failing->detail = lock.last_reason == REASON_NONE ? "Every attempt ended with the loss of its worker."
	                                                  : media_reason_detail(lock.last_reason);
	return end_job(connection, &lock, failing, err);
}

enum rc job_exhaust(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                    struct err *err)
{
	struct failing failing = { .catalog = catalog, .call = call, .job_id = job_id };

	return db_transaction(catalog->pool, call->deadline, exhaust_in, &failing, err);
}

static const struct db_statement redrive_media_statement = {
	.name = "job_redrive_media",
	.sql = "UPDATE media SET state = 'uploaded', reason_code = NULL, reason_detail = NULL, updated_at = now(), "
	       "version = version + 1 WHERE id = $1 AND state = 'failed' "
	       "RETURNING owner_id, item_id, published_generation",
	.parameter_count = 1,
};

static const struct db_statement redrive_jobs_statement = {
	.name = "job_redrive_jobs",
	.sql = "WITH j AS (UPDATE jobs SET state = 'queued', attempts = 0, fencing_token = fencing_token + 1, lane = $2, "
	       "    worker = NULL, lease_until = NULL, not_before = now(), queued_at = now(), finished_at = NULL, "
	       "    last_error_code = NULL, last_error = NULL, rung_at = now(), rings = 1 FROM media m "
	       "  WHERE m.id = $1 AND jobs.media_id = m.id AND jobs.generation = m.generation AND jobs.state = 'failed' "
	       "  RETURNING jobs.id, jobs.generation, jobs.pool), "
	       "d AS (UPDATE dead_letters SET redriven_at = now() FROM j "
	       "  WHERE dead_letters.job_id = j.id AND redriven_at IS NULL AND dropped_at IS NULL) "
	       "SELECT id, generation, pool FROM j",
	.parameter_count = 2,
};

struct redriving {
	const struct catalog *catalog;
	const struct catalog_call *call;
	const struct uuid *media_id;
	enum event_lane lane;
};

static enum rc redrive_in(struct db_connection *connection, void *context, struct err *err)
{
	const struct redriving *redriving = context;
	const struct db_value values[] = { db_uuid(redriving->media_id), db_text(event_lane_name(redriving->lane)) };
	struct deadline deadline = db_connection_deadline(connection);
	CLEANUP(db_result_free_pointer) struct db_result *media = NULL;
	CLEANUP(db_result_free_pointer) struct db_result *jobs = NULL;
	struct event events[PRESET_POOLS_MAX + 1] = { { .kind = EVENT_MEDIA } };
	size_t count = 0;
	enum rc rc = db_execute(connection, &redrive_media_statement, values, 1, deadline, &media, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(media) == 0)
		return err_set(err, RC_CONFLICT, "the media is not failed");
	rc = db_execute(connection, &redrive_jobs_statement, values, 2, deadline, &jobs, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(jobs) == 0)
		return err_set(err, RC_CONFLICT, "the media has no failed job to queue again");
	events[count++].media = (struct event_media){ .verb = MEDIA_VERB_UPLOADED,
		                                      .media_id = *redriving->media_id,
		                                      .owner_id = db_result_uuid(media, 0, 0),
		                                      .state = MEDIA_UPLOADED,
		                                      .generation = read_number(media, 0, 2),
		                                      .has_item = !db_result_is_null(media, 0, 1),
		                                      .item_id = db_result_uuid(media, 0, 1) };
	for (size_t i = 0; i < db_result_rows(jobs) && count < PRESET_POOLS_MAX + 1; i++) {
		struct uuid job_id = db_result_uuid(jobs, i, 0);

		events[count++] = catalog_job_event(&job_id, redriving->media_id, read_number(jobs, i, 1),
		                                    db_result_text(jobs, i, 2), redriving->lane);
	}
	return catalog_outbox_add(connection, redriving->catalog, redriving->call, events, count, err);
}

enum rc catalog_job_redrive(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *media_id,
                            enum event_lane lane, struct err *err)
{
	struct redriving redriving = { .catalog = catalog, .call = call, .media_id = media_id, .lane = lane };

	return db_transaction(catalog->pool, call->deadline, redrive_in, &redriving, err);
}
