// Retention, a bounded number of rows at a time.
#include "metadata-api/audit_keeper.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "db/pool.h"
#include "db/result.h"
#include "db/statement.h"
#include "metadata-api/api.h"

#define ROWS 1000
#define STEP_MS 5000

// Parameters: days, rows.
static const struct db_statement AUDIT_EXPIRE = {
	.name = "audit_expire",
	.sql = "SELECT audit_expire(make_interval(days => $1::integer), $2::bigint)",
	.parameter_count = 2,
};

// An hour beyond its end no access token of a session's lives, and no answer about it is owed.
static const struct db_statement SESSIONS_EXPIRE = {
	.name = "sessions_expire",
	.sql = "WITH gone AS (DELETE FROM sessions WHERE id IN (SELECT id FROM sessions "
	       "  WHERE expires_at < now() - interval '1 hour' ORDER BY expires_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED) "
	       "  RETURNING 1) SELECT count(*) FROM gone",
	.parameter_count = 1,
};

// Parameters: days, rows.
static const struct db_statement TOLD_EXPIRE = {
	.name = "told_expire",
	.sql = "SELECT told_expire(make_interval(days => $1::integer), $2::bigint)",
	.parameter_count = 2,
};

static enum rc run(struct db_connection *connection, const struct db_statement *statement,
                   const struct db_value *values, struct deadline deadline, bool *ret_more, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	enum rc rc = db_execute(connection, statement, values, statement->parameter_count, deadline, &result, err);
	if (rc == RC_OK)
		*ret_more |= db_result_int64(result, 0, 0) >= ROWS;
	return rc;
}

bool audit_keeper_work(void *context)
{
	struct api *api = context;
	struct err err = { 0 };
	struct db_connection *connection = NULL;
	struct deadline deadline = deadline_after_ms(STEP_MS);
	const struct db_value audit[] = { db_int64(api->live.audit_days), db_int64(ROWS) };
	const struct db_value told[] = { db_int64(api->live.told_days), db_int64(ROWS) };
	const struct db_value sessions[] = { db_int64(ROWS) };
	bool more = false;
	enum rc rc = db_pool_acquire(api->pool, deadline, &connection, &err);
	if (rc == RC_OK)
		rc = run(connection, &AUDIT_EXPIRE, audit, deadline, &more, &err);
	if (rc == RC_OK)
		rc = run(connection, &SESSIONS_EXPIRE, sessions, deadline, &more, &err);
	if (rc == RC_OK)
		rc = run(connection, &TOLD_EXPIRE, told, deadline, &more, &err);
	db_pool_release(api->pool, connection);
	if (rc != RC_OK)
		LOG_FAILURE(LOG_WARNING, "retention_not_done", &err);
	return rc == RC_OK && more;
}
