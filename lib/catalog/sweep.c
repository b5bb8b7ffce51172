// What the reconciler and the janitor look for.
#include "catalog/sweep.h"

#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "catalog/job_lock.h"
#include "catalog/read.h"
#include "catalog/run.h"
#include "catalog/upload_columns.h"

// Due when the last ring is overdue_ms * 2^(rings - 1) ago, at most 64 times overdue_ms.
static const struct db_statement jobs_statement = {
	.name = "sweep_jobs",
	.sql = "WITH due AS (SELECT id FROM jobs WHERE ((state = 'queued' AND not_before <= now()) "
	       "    OR (state = 'running' AND lease_until < now())) "
	       "  AND rung_at <= now() - $1::bigint * interval '1 millisecond' "
	       "  AND rung_at <= now() - $1 * power(2, least(greatest(rings - 1, 0), 6)) * interval '1 millisecond' "
	       "  ORDER BY rung_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED) "
	       "UPDATE jobs SET rung_at = now(), rings = rings + 1 FROM due WHERE jobs.id = due.id "
	       "RETURNING jobs.id, jobs.media_id, jobs.generation, jobs.pool, jobs.lane, jobs.attempts",
	.parameter_count = 2,
};

static const struct db_statement uploads_statement = {
	.name = "sweep_uploads",
	.sql = "WITH due AS (SELECT id FROM uploads WHERE completed_at IS NULL AND aborted_at IS NULL "
	       "  AND check_after <= now() ORDER BY check_after LIMIT $2::bigint FOR UPDATE SKIP LOCKED) "
	       "UPDATE uploads u SET check_after = now() + greatest($1::bigint * interval '1 millisecond', "
	       "  (now() - u.created_at) / 4) FROM due, media m WHERE u.id = due.id AND m.id = u.media_id "
	       "RETURNING " UPLOAD_COLUMNS,
	.parameter_count = 2,
};

static const struct db_statement expired_statement = {
	.name = "sweep_expired",
	.sql = "SELECT " UPLOAD_COLUMNS "FROM uploads u JOIN media m ON m.id = u.media_id "
	       "WHERE u.completed_at IS NULL AND u.aborted_at IS NULL "
	       "AND u.expires_at < now() - $1::bigint * interval '1 millisecond' ORDER BY u.expires_at LIMIT $2::bigint",
	.parameter_count = 2,
	.read_only = true,
};

static const struct db_statement rows_statement = {
	.name = "sweep_rows",
	.sql = "WITH k AS (DELETE FROM idempotency_keys WHERE (owner_id, scope, key) IN "
	       "    (SELECT owner_id, scope, key FROM idempotency_keys WHERE expires_at < now() ORDER BY expires_at "
	       "      LIMIT $2::bigint FOR UPDATE SKIP LOCKED) RETURNING 1), "
	       "m AS (DELETE FROM media WHERE id IN (SELECT id FROM media WHERE state IN ('expired', 'deleted') "
	       "    AND updated_at < now() - $1::bigint * interval '1 millisecond' "
	       "    AND NOT EXISTS (SELECT FROM deletions WHERE deletions.media_id = media.id) ORDER BY updated_at "
	       "    LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1) "
	       "SELECT (SELECT count(*) FROM k) + (SELECT count(*) FROM m)",
	.parameter_count = 2,
};

struct sweeping {
	const struct catalog *catalog;
	const struct catalog_call *call;
	int64_t overdue_ms;
	size_t limit;
	struct sweep_rung rung;
	struct uuid exhausted[CATALOG_OUTBOX_BATCH];
	size_t exhausted_count;
};

static enum rc ring_in(struct db_connection *connection, void *context, struct err *err)
{
	struct sweeping *sweeping = context;
	const struct db_value values[] = { db_int64(sweeping->overdue_ms), db_int64((int64_t)sweeping->limit) };
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	CLEANUP(free_pointer) struct event *events = NULL;
	size_t count = 0;
	enum rc rc = db_execute(connection, &jobs_statement, values, 2, sweeping->call->deadline, &result, err);

	if (rc != RC_OK || db_result_rows(result) == 0)
		return rc;
	events = calloc(db_result_rows(result), sizeof(*events));
	if (events == NULL)
		return err_set(err, RC_NO_MEMORY, "sweep: no memory");
	sweeping->exhausted_count = 0;
	for (size_t i = 0; i < db_result_rows(result); i++) {
		struct uuid job_id = db_result_uuid(result, i, 0);
		struct uuid media_id = db_result_uuid(result, i, 1);

		if (db_result_int64(result, i, 5) >= LIMIT_JOB_ATTEMPTS)
			sweeping->exhausted[sweeping->exhausted_count++] = job_id;
		else
			events[count++] = catalog_job_event(&job_id, &media_id, read_number(result, i, 2),
			                                    db_result_text(result, i, 3), read_lane(result, i, 4));
	}
	sweeping->rung.rung = count;
	return catalog_outbox_add(connection, sweeping->catalog, sweeping->call, events, count, err);
}

enum rc catalog_sweep_jobs(const struct catalog *catalog, const struct catalog_call *call, int64_t overdue_ms,
                           size_t limit, struct sweep_rung *ret_rung, struct err *err)
{
	struct sweeping sweeping = { .catalog = catalog, .call = call, .overdue_ms = overdue_ms, .limit = limit };
	enum rc rc;

	assert(limit >= 1 && limit <= CATALOG_OUTBOX_BATCH);
	rc = db_transaction(catalog->pool, call->deadline, ring_in, &sweeping, err);
	for (size_t i = 0; i < sweeping.exhausted_count && rc == RC_OK; i++) {
		rc = job_exhaust(catalog, call, &sweeping.exhausted[i], err);
		sweeping.rung.failed += rc == RC_OK;
	}
	if (rc == RC_OK)
		*ret_rung = sweeping.rung;
	return rc;
}

enum rc catalog_sweep_uploads(const struct catalog *catalog, const struct catalog_call *call, int64_t overdue_ms,
                              size_t limit, struct db_result **ret_result, struct err *err)
{
	const struct db_value values[] = { db_int64(overdue_ms), db_int64((int64_t)limit) };

	return catalog_run(catalog, call, &uploads_statement, values, 2, ret_result, err);
}

enum rc catalog_sweep_expired(const struct catalog *catalog, const struct catalog_call *call, int64_t grace_ms,
                              size_t limit, struct db_result **ret_result, struct err *err)
{
	const struct db_value values[] = { db_int64(grace_ms), db_int64((int64_t)limit) };

	return catalog_run(catalog, call, &expired_statement, values, 2, ret_result, err);
}

enum rc catalog_sweep_rows(const struct catalog *catalog, const struct catalog_call *call, int64_t keep_ms,
                           size_t limit, int64_t *ret_count, struct err *err)
{
	const struct db_value values[] = { db_int64(keep_ms), db_int64((int64_t)limit) };

	return catalog_run_number(catalog, call, &rows_statement, values, 2, ret_count, err);
}
