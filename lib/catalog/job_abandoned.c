// Jobs whose worker has died, given back by whoever takes its place.
#include "base/cleanup.h"
#include "catalog/job.h"
#include "catalog/read.h"
#include "catalog/run.h"

#define JOBS_MOST 1000

static const struct db_statement workers_statement = {
	.name = "job_workers",
	.sql = "SELECT DISTINCT worker FROM jobs WHERE state = 'running' AND left(worker, length($1) + 1) = $1 || ':'",
	.parameter_count = 1,
	.read_only = true,
};

// The attempt counts: it may be the picture that ended the worker. The token rises, should it live after all.
static const struct db_statement give_back_statement = {
	.name = "job_abandoned",
	.sql = "WITH lost AS (SELECT id FROM jobs WHERE state = 'running' AND worker = $1 ORDER BY id LIMIT $2::bigint "
	       "  FOR UPDATE SKIP LOCKED) "
	       "UPDATE jobs SET state = 'queued', lease_until = NULL, worker = NULL, not_before = now(), "
	       "  fencing_token = fencing_token + 1 FROM lost WHERE jobs.id = lost.id "
	       "RETURNING jobs.id, jobs.media_id, jobs.generation, jobs.pool, jobs.lane",
	.parameter_count = 2,
};

struct giving_back {
	const struct catalog *catalog;
	const struct catalog_call *call;
	const char *worker;
	size_t count;
};

static enum rc give_back_in(struct db_connection *connection, void *context, struct err *err)
{
	struct giving_back *giving = context;
	const struct db_value values[] = { db_text(giving->worker), db_int64(JOBS_MOST) };
	CLEANUP(db_result_free_pointer) struct db_result *jobs = NULL;
	enum rc rc =
	        db_execute(connection, &give_back_statement, values, 2, db_connection_deadline(connection), &jobs, err);

	giving->count = 0;
	for (size_t i = 0; rc == RC_OK && i < db_result_rows(jobs); i++) {
		struct uuid id = db_result_uuid(jobs, i, 0), media_id = db_result_uuid(jobs, i, 1);
		struct event event = catalog_job_event(&id, &media_id, read_number(jobs, i, 2),
		                                       db_result_text(jobs, i, 3), read_lane(jobs, i, 4));

		rc = catalog_outbox_add(connection, giving->catalog, giving->call, &event, 1, err);
		giving->count++;
	}
	return rc;
}

enum rc catalog_job_give_back(const struct catalog *catalog, const struct catalog_call *call, const char *host,
                              bool (*is_dead)(const char *worker), size_t *ret_count, struct err *err)
{
	const struct db_value value = db_text(host);
	CLEANUP(db_result_free_pointer) struct db_result *workers = NULL;
	enum rc rc = catalog_run(catalog, call, &workers_statement, &value, 1, &workers, err);
	size_t count = 0;

	for (size_t i = 0; rc == RC_OK && i < db_result_rows(workers); i++) {
		struct giving_back giving = { .catalog = catalog,
			                      .call = call,
			                      .worker = db_result_text(workers, i, 0) };

		if (!is_dead(giving.worker))
			continue;
		rc = db_transaction(catalog->pool, call->deadline, give_back_in, &giving, err);
		count += giving.count;
	}
	if (rc == RC_OK)
		*ret_count = count;
	return rc;
}
