// safelightctl capacity: how many workers and transcoders a load needs, by what the pools have measured of themselves.
#include <math.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "bus/bus.h"
#include "bus/pools.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define RATE_MOST 1000000
#define BUSY_PERCENT 70
#define CORES 4

// What a pool needs for `rate` jobs a second. Work that arrives at random keeps waiting short only while workers are
// idle part of the time (M/M/c: beyond about 80 % the wait rises without bound), so they are planned to be busy less.
static json_t *plan(const json_t *pool, int64_t rate, int64_t busy_percent, int64_t workers_each)
{
	int64_t done = report_int(pool, "done"), running = report_int(pool, "workers_running");
	json_t *one = json_pack("{s:s, s:I, s:I, s:n, s:n, s:n, s:n}", "pool", report_text(pool, "name"),
	                        "jobs_measured", (json_int_t)done, "workers_running", (json_int_t)running,
	                        "job_seconds", "workers_needed", "transcoders_needed", "jobs_per_second_now");
	if (done == 0)
		return one;
	double seconds = (double)report_int(pool, "busy_ms") / 1000 / (double)done;
	double busy = (double)busy_percent / 100;
	double workers = fmax(1, ceil((double)rate * seconds / busy));
	(void)json_object_set_new(one, "job_seconds", json_real(seconds));
	(void)json_object_set_new(one, "workers_needed", json_integer((json_int_t)workers));
	(void)json_object_set_new(one, "transcoders_needed",
	                          json_integer((json_int_t)ceil(workers / (double)workers_each)));
	if (seconds > 0)
		(void)json_object_set_new(one, "jobs_per_second_now", json_real((double)running * busy / seconds));
	return one;
}

static void print_plan(const json_t *one)
{
	if (json_is_null(json_object_get(one, "job_seconds"))) {
		(void)printf("%-12s has done no job yet: nothing is measured\n", report_text(one, "pool"));
		return;
	}
	(void)printf("%-12s %8lld %9.3f %8lld %11.1f %8lld %12lld\n", report_text(one, "pool"),
	             (long long)report_int(one, "jobs_measured"), json_real_value(json_object_get(one, "job_seconds")),
	             (long long)report_int(one, "workers_running"),
	             json_real_value(json_object_get(one, "jobs_per_second_now")),
	             (long long)report_int(one, "workers_needed"), (long long)report_int(one, "transcoders_needed"));
}

static enum rc run(const struct call *call, struct err *err)
{
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	json_auto_t *pools = NULL;
	json_auto_t *plans = json_array();
	int64_t rate = 1, busy_percent = BUSY_PERCENT, workers_each = CORES;
	enum rc rc = call_number(call, "--jobs", 1, RATE_MOST, &rate, err);
	if (rc == RC_OK)
		rc = call_number(call, "--busy", 1, 95, &busy_percent, err);
	if (rc == RC_OK)
		rc = call_number(call, "--workers-each", 1, 256, &workers_each, err);
	if (rc == RC_OK)
		rc = reach_bus(call, &bus, err);
	if (rc == RC_OK)
		rc = bus_pools_read(bus, call->settings, &pools, err);
	if (rc != RC_OK)
		return rc;
	size_t index = 0;
	json_t *pool = NULL;
	if (!call->json)
		(void)printf(
		        "for %lld jobs a second, workers busy %lld %% of the time, %lld in each transcoder\n%-12s %8s %9s "
		        "%8s %11s %8s %12s\n",
		        (long long)rate, (long long)busy_percent, (long long)workers_each, "POOL", "MEASURED",
		        "SECONDS", "WORKERS", "GOOD FOR/S", "NEEDED", "TRANSCODERS");
	json_array_foreach(pools, index, pool)
	{
		json_t *one = plan(pool, rate, busy_percent, workers_each);
		if (!call->json)
			print_plan(one);
		(void)json_array_append_new(plans, one);
	}
	if (call->json)
		report_json(plans);
	return RC_OK;
}

static const struct command_option OPTIONS[] = {
	{ "--jobs", "N", "jobs a second that are to be done (1); an upload is one job in each of its preset's pools" },
	{ "--busy", "N", "percent of their time that workers may be busy, 1 to 95 (70)" },
	{ "--workers-each", "N", "workers of one transcoder, at most its host's cores (4)" },
	{ 0 },
};

const struct command command_capacity = {
	.name = "capacity",
	.arguments = "",
	.summary = "how many workers and transcoders a load needs, by the times measured so far",
	.options = OPTIONS,
	.secrets = SECRETS_BUS,
	.run = run,
};
