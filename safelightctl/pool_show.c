// safelightctl pool list, pool show.
#include <stdio.h>

#include "base/cleanup.h"
#include "bus/bus.h"
#include "bus/pools.h"
#include "safelightctl/command.h"
#include "safelightctl/pools.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

const char *pools_limits(const json_t *pool, char ret_text[REPORT_TEXT_SIZE])
{
	if (bus_pool_is_adjusted(pool))
		(void)snprintf(ret_text, REPORT_TEXT_SIZE, "%lld-%lld",
		               (long long)report_int(pool, "setting.workers_min"),
		               (long long)report_int(pool, "setting.workers_max"));
	else
		(void)snprintf(ret_text, REPORT_TEXT_SIZE, "fixed");
	return ret_text;
}

void pools_print_head(void)
{
	(void)printf("%-12s %9s %7s %8s %4s %-9s %7s %9s %7s  %s\n", "POOL", "WORKERS", "LIMITS", "PREFETCH", "NICE",
	             "STATE", "WAITING", "DONE", "FAILED", "SET BY");
}

void pools_print_line(const json_t *pool)
{
	char workers[REPORT_TEXT_SIZE], limits[REPORT_TEXT_SIZE];
	(void)snprintf(workers, sizeof workers, "%lld/%lld", (long long)report_int(pool, "workers_running"),
	               (long long)report_int(pool, "workers_wanted"));
	(void)printf("%-12s %9s %7s %8lld %4lld %-9s %7lld %9lld %7lld  %s\n", report_text(pool, "name"), workers,
	             pools_limits(pool, limits), (long long)report_int(pool, "setting.prefetch"),
	             (long long)report_int(pool, "setting.nice"),
	             report_bool(pool, "setting.paused") ? "paused"
	             : report_bool(pool, "backs_off")    ? "backs off"
	                                                 : "running",
	             (long long)report_int(pool, "waiting"), (long long)report_int(pool, "done"),
	             (long long)report_int(pool, "jobs_failed"),
	             report_at(pool, "setting.by") == NULL ? report_text(pool, "setting.source")
	                                                   : report_text(pool, "setting.by"));
}

static enum rc run_list(const struct call *call, struct err *err)
{
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	json_auto_t *pools = NULL;
	enum rc rc = reach_bus(call, &bus, err);
	if (rc == RC_OK)
		rc = bus_pools_read(bus, call->settings, &pools, err);
	if (rc != RC_OK)
		return rc;
	if (call->json) {
		report_json(pools);
		return RC_OK;
	}
	size_t index = 0;
	json_t *pool = NULL;
	pools_print_head();
	json_array_foreach(pools, index, pool) pools_print_line(pool);
	return RC_OK;
}

static void print_transcoders(const json_t *pool)
{
	size_t index = 0;
	json_t *one = NULL;
	if (json_array_size(json_object_get(pool, "transcoders")) == 0)
		(void)printf("  no transcoder shows itself: nothing of this pool is being done\n");
	json_array_foreach(json_object_get(pool, "transcoders"), index, one)
	{
		char age[REPORT_TEXT_SIZE];
		(void)printf("  %s: workers %lld of %lld, %lld inputs waiting, %lld done, seen %s ago%s\n",
		             report_text(one, "worker"), (long long)report_int(one, "workers_running"),
		             (long long)report_int(one, "workers_wanted"), (long long)report_int(one, "waiting"),
		             (long long)report_int(one, "done"), report_duration(report_int(one, "age_ms"), age),
		             report_bool(one, "late") ? " (gone or stuck; not counted)" : "");
		if (report_bool(one, "backs_off"))
			(void)printf("  %s: backs off, %lld children have died in a row: see its log\n",
			             report_text(one, "worker"), (long long)report_int(one, "children_died"));
	}
}

static enum rc run_show(const struct call *call, struct err *err)
{
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	json_auto_t *pool = NULL;
	enum rc rc = reach_bus(call, &bus, err);
	if (rc == RC_OK)
		rc = bus_pool_read(bus, call->settings, call->arguments[0], &pool, err);
	if (rc != RC_OK)
		return rc;
	if (call->json) {
		report_json(pool);
		return RC_OK;
	}
	pools_print_head();
	pools_print_line(pool);
	if (report_at(pool, "setting.revision") != NULL)
		(void)printf("  revision %lld, set by %s at %s\n", (long long)report_int(pool, "setting.revision"),
		             report_text(pool, "setting.by"), report_text(pool, "setting.at"));
	print_transcoders(pool);
	return RC_OK;
}

const struct command command_pool_list = {
	.name = "pool list",
	.arguments = "",
	.summary = "every pool: workers running and wanted, settings, inputs waiting",
	.secrets = SECRETS_BUS,
	.run = run_list,
};

const struct command command_pool_show = {
	.name = "pool show",
	.arguments = "NAME",
	.summary = "one pool, and each transcoder that works on it",
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_BUS,
	.run = run_show,
};
