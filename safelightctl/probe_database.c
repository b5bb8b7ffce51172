// Looking at Postgres: the server, and the work that its tables hold.
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "catalog/operator.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/probe.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

static const struct db_statement server_statement = {
	.name = "ctl_server",
	.sql = "SELECT json_build_object('version', current_setting('server_version'), 'connections', "
	       "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), 'max_connections', "
	       "current_setting('max_connections')::int, 'oldest_transaction_ms', coalesce((SELECT "
	       "(extract(epoch FROM max(now() - xact_start)) * 1000)::bigint FROM pg_stat_activity "
	       "WHERE datname = current_database() AND pid <> pg_backend_pid()), 0), 'bytes', "
	       "pg_database_size(current_database()), 'now_us', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, "
	       "'fsync', current_setting('fsync'), 'synchronous_commit', current_setting('synchronous_commit'), "
	       "'standby', pg_is_in_recovery())",
	.read_only = true,
};

#define DAY_MS INT64_C(86400000)

static void set_failed(json_t *part, const struct err *err)
{
	(void)json_object_set_new(part, "ok", json_false());
	(void)json_object_set_new(part, "detail", json_string(err->text));
}

json_t *probe_database(const struct call *call)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_t *part = json_pack("{s:s, s:b}", "name", "database", "ok", 1), *server = NULL, *work = NULL;
	struct err err = { 0 };
	struct uuid day = uuid_new_at(clock_now_us() / 1000 - DAY_MS);
	const struct db_value values[] = { db_uuid(&day), db_int64(PROBE_SETTLE_MINUTES) };
	enum rc rc = reach_database(call, &database, &err);
	int64_t began_us = clock_monotonic_us();
	if (rc == RC_OK)
		rc = reach_query(database, &server_statement, NULL, &server, &err);
	if (rc == RC_OK) {
		(void)json_object_update(part, server);
		(void)json_object_set_new(part, "milliseconds", json_integer((clock_monotonic_us() - began_us) / 1000));
		(void)json_object_set_new(part, "clock_skew_ms",
		                          json_integer((report_int(server, "now_us") - clock_now_us()) / 1000));
		(void)json_object_del(part, "now_us");
		rc = reach_query(database, &catalog_work_statement, values, &work, &err);
	}
	if (work != NULL)
		(void)json_object_set(part, "work", work);
	if (rc != RC_OK)
		set_failed(part, &err);
	json_decref(server);
	json_decref(work);
	return part;
}
