// Claiming, beating and giving back jobs.
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "catalog/job.h"
#include "catalog/job_lock.h"
#include "catalog/read.h"
#include "catalog/run.h"

#define LIMIT_TEXT_OF(number) #number
#define LIMIT_TEXT(number) LIMIT_TEXT_OF(number)

// Rows are locked in the order media, job, usage everywhere, so that nobody waits in a circle.
static const struct db_statement claim_statement = {
	.name = "job_claim",
	.sql = "WITH m AS (SELECT id, state, kind, content_type, size, original_key, original_etag, declared_sha256, "
	       "    generation, published_generation, preset, focal_x, focal_y FROM media "
	       "  WHERE id = (SELECT media_id FROM jobs WHERE id = $1) FOR NO KEY UPDATE), "
	       "j AS (UPDATE jobs SET state = 'running', attempts = attempts + 1, fencing_token = fencing_token + 1, "
	       "    worker = $2, lease_until = now() + $3::bigint * interval '1 millisecond', "
	       "    started_at = coalesce(started_at, now()) "
	       "  FROM m WHERE jobs.id = $1 AND m.state IN ('uploaded', 'processing', 'ready') "
	       "    AND jobs.generation = m.generation AND jobs.attempts < " LIMIT_TEXT(
	               LIMIT_JOB_ATTEMPTS) " "
	                                   "    AND ((jobs.state = 'queued' AND jobs.not_before <= now()) "
	                                   "      OR (jobs.state = 'running' AND jobs.lease_until < now())) "
	                                   "  RETURNING jobs.id, jobs.media_id, jobs.owner_id, jobs.generation, jobs.pool, jobs.lane, "
	                                   "    jobs.required, jobs.attempts, jobs.fencing_token, jobs.queued_at), "
	                                   "p AS (UPDATE media SET state = 'processing', updated_at = now(), version = version + 1 FROM j "
	                                   "  WHERE media.id = j.media_id AND media.state = 'uploaded') "
	                                   "SELECT j.id, j.media_id, j.owner_id, j.generation, j.pool, j.lane, j.required, j.attempts, j.fencing_token, "
	                                   "  CASE m.state WHEN 'uploaded' THEN 'processing' ELSE m.state END, m.kind, m.content_type, m.size, "
	                                   "  m.original_key, m.original_etag, m.declared_sha256, m.published_generation, "
	                                   "  (SELECT u.keep_positions FROM users u WHERE u.id = j.owner_id), m.preset, m.focal_x, m.focal_y, "
	                                   "  (extract(epoch FROM now() - j.queued_at) * 1000)::bigint "
	                                   "FROM j CROSS JOIN m",
	.parameter_count = 3,
};

// Why a job could not be claimed; milliseconds until it may be.
static const struct db_statement look_statement = {
	.name = "job_look",
	.sql = "SELECT j.state, j.attempts, "
	       "  ceil(extract(epoch FROM coalesce(j.lease_until, j.not_before) - now()) * 1000)::bigint, "
	       "  m.state IN ('uploaded', 'processing', 'ready') AND j.generation = m.generation "
	       "FROM jobs j JOIN media m ON m.id = j.media_id WHERE j.id = $1",
	.parameter_count = 1,
	.read_only = true,
};

static const struct db_statement beat_statement = {
	.name = "job_beat",
	.sql = "UPDATE jobs SET lease_until = now() + $3::bigint * interval '1 millisecond' "
	       "WHERE id = $1 AND fencing_token = $2 AND state = 'running' RETURNING 1",
	.parameter_count = 3,
};

// The second branch finds what an earlier call did whose answer was lost.
static const struct db_statement release_statement = {
	.name = "job_release",
	.sql = "WITH r AS (UPDATE jobs SET state = 'queued', attempts = attempts - 1, lease_until = NULL, worker = NULL, "
	       "    not_before = now() WHERE id = $1 AND fencing_token = $2 AND state = 'running' RETURNING 1) "
	       "SELECT 1 FROM r UNION ALL SELECT 1 FROM jobs WHERE id = $1 AND fencing_token = $2 AND state = 'queued'",
	.parameter_count = 2,
};

static void copy_text(const struct db_result *result, size_t column, char *ret_text, size_t size)
{
	const char *text = db_result_text(result, 0, column);

	(void)snprintf(ret_text, size, "%s", text == NULL ? "" : text);
}

static void read_claim(const struct db_result *result, struct job_claim *ret_claim)
{
	const uint8_t *sha256 = read_sha256(result, 0, 15);

	*ret_claim = (struct job_claim){
		.outcome = JOB_CLAIMED,
		.job_id = db_result_uuid(result, 0, 0),
		.media_id = db_result_uuid(result, 0, 1),
		.owner_id = db_result_uuid(result, 0, 2),
		.generation = read_number(result, 0, 3),
		.lane = read_lane(result, 0, 5),
		.required = db_result_bool(result, 0, 6),
		.attempts = read_number(result, 0, 7),
		.token = db_result_int64(result, 0, 8),
		.media_state = read_state(result, 0, 9),
		.kind = read_kind(result, 0, 10),
		.size = db_result_int64(result, 0, 12),
		.has_declared_sha256 = sha256 != NULL,
		.published_generation = read_number(result, 0, 16),
		.keep_positions = db_result_bool(result, 0, 17),
		.has_focal = !db_result_is_null(result, 0, 19),
		.focal_x = db_result_double(result, 0, 19),
		.focal_y = db_result_double(result, 0, 20),
		.waited_ms = db_result_int64(result, 0, 21),
	};
	copy_text(result, 18, ret_claim->preset, sizeof(ret_claim->preset));
	copy_text(result, 4, ret_claim->pool, sizeof(ret_claim->pool));
	copy_text(result, 11, ret_claim->content_type, sizeof(ret_claim->content_type));
	copy_text(result, 13, ret_claim->original_key, sizeof(ret_claim->original_key));
	copy_text(result, 14, ret_claim->original_etag, sizeof(ret_claim->original_etag));
	if (sha256 != NULL)
		memcpy(ret_claim->declared_sha256, sha256, 32);
}

// The claim found nothing to take: why?
static enum rc explain(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                       struct job_claim *ret_claim, struct err *err)
{
	const struct db_value value = db_uuid(job_id);
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	enum rc rc = catalog_run(catalog, call, &look_statement, &value, 1, &result, err);
	const char *state;
	int64_t wait_ms;
	bool is_running;

	if (rc != RC_OK)
		return rc;
	*ret_claim = (struct job_claim){ .outcome = JOB_MISSING };
	if (db_result_rows(result) == 0)
		return RC_OK;
	state = db_result_text(result, 0, 0);
	wait_ms = db_result_int64(result, 0, 2);
	is_running = strcmp(state, "running") == 0;
	ret_claim->outcome = JOB_OVER;
	if (!db_result_bool(result, 0, 3) || (!is_running && strcmp(state, "queued") != 0))
		return RC_OK;
	if (db_result_int64(result, 0, 1) >= LIMIT_JOB_ATTEMPTS && (!is_running || wait_ms <= 0))
		return job_exhaust(catalog, call, job_id, err);
	// Between the two statements it may have come free: then look again at once.
	ret_claim->outcome = is_running ? JOB_TAKEN : JOB_EARLY;
	ret_claim->retry_ms = wait_ms < 1 ? 1 : wait_ms;
	return RC_OK;
}

enum rc catalog_job_claim(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                          const char *worker, int64_t lease_ms, struct job_claim *ret_claim, struct err *err)
{
	const struct db_value values[] = { db_uuid(job_id), db_text(worker), db_int64(lease_ms) };
	struct db_result *result;
	bool is_claimed;
	enum rc rc = catalog_run(catalog, call, &claim_statement, values, 3, &result, err);

	if (rc != RC_OK)
		return rc;
	is_claimed = db_result_rows(result) == 1;
	if (is_claimed)
		read_claim(result, ret_claim);
	db_result_free(result);
	return is_claimed ? RC_OK : explain(catalog, call, job_id, ret_claim, err);
}

// Run a statement that returns a row when the token holds.
static enum rc run_with_token(const struct catalog *catalog, const struct catalog_call *call,
                              const struct db_statement *statement, const struct db_value *values, struct err *err)
{
	int64_t held = 0;
	enum rc rc = catalog_run_number(catalog, call, statement, values, statement->parameter_count, &held, err);

	if (rc != RC_OK || held == 1)
		return rc;
	return err_set(err, RC_CONFLICT, JOB_LOST_TEXT);
}

enum rc catalog_job_beat(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                         int64_t token, int64_t lease_ms, struct err *err)
{
	const struct db_value values[] = { db_uuid(job_id), db_int64(token), db_int64(lease_ms) };

	return run_with_token(catalog, call, &beat_statement, values, err);
}

enum rc catalog_job_release(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                            int64_t token, struct err *err)
{
	const struct db_value values[] = { db_uuid(job_id), db_int64(token) };

	return run_with_token(catalog, call, &release_statement, values, err);
}
