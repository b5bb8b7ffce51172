// safelightctl capacity: how many workers, transcoders and instances of the services a load needs, by what they have
// measured of themselves.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "bus/pools.h"
#include "http/client.h"
#include "safelightctl/command.h"
#include "safelightctl/metrics_text.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define RATE_MOST 1000000
#define BUSY_PERCENT 70
#define CORES 4
#define METRICS_MS 2000
// Fewer say little: what a process does by itself, and at its start, is then most of what it has done.
#define WORK_LEAST 20

struct wish {
	int64_t jobs, calls; // a second
	int64_t busy_percent;
	int64_t workers_each, cores_each;
	int64_t over_seconds; // 0: since the processes' start
};

// What is counted as a service's work, and how much of it there shall be.
struct service {
	const char *name, *unit;
	const char *listen;
	const char *series, *part; // of its /metrics
	int64_t rate;
	double cpu_seconds, work; // measured
	bool is_there;
};

// What a pool needs for `rate` jobs a second. Work that arrives at random keeps waiting short only while workers are
// idle part of the time (M/M/c: beyond about 80 % the wait rises without bound), so they are planned to be busy less.
static json_t *plan_pool(const json_t *pool, const struct wish *wish)
{
	int64_t done = report_int(pool, "done"), running = report_int(pool, "workers_running");
	json_t *one = json_pack("{s:s, s:I, s:I, s:n, s:n, s:n, s:n}", "pool", report_text(pool, "name"),
	                        "jobs_measured", (json_int_t)done, "workers_running", (json_int_t)running,
	                        "job_seconds", "workers_needed", "transcoders_needed", "jobs_per_second_now");
	if (done == 0)
		return one;
	double seconds = (double)report_int(pool, "busy_ms") / 1000 / (double)done;
	double busy = (double)wish->busy_percent / 100;
	double workers = fmax(1, ceil((double)wish->jobs * seconds / busy));
	(void)json_object_set_new(one, "job_seconds", json_real(seconds));
	(void)json_object_set_new(one, "workers_needed", json_integer((json_int_t)workers));
	(void)json_object_set_new(one, "transcoders_needed",
	                          json_integer((json_int_t)ceil(workers / (double)wish->workers_each)));
	if (seconds > 0)
		(void)json_object_set_new(one, "jobs_per_second_now", json_real((double)running * busy / seconds));
	return one;
}

// What a service needs: its processes spend CPU time on each piece of work, and so many cores may be given to each.
static json_t *plan_service(const struct service *service, const struct wish *wish)
{
	json_t *one = json_pack("{s:s, s:s, s:f, s:n, s:n, s:n}", "service", service->name, "unit", service->unit,
	                        "measured", service->work, "cpu_seconds", "per_second_each", "instances_needed");
	if (!service->is_there || service->work < WORK_LEAST || service->cpu_seconds <= 0)
		return one;
	double each_seconds = service->cpu_seconds / service->work;
	double per_second = (double)wish->cores_each * (double)wish->busy_percent / 100 / each_seconds;
	(void)json_object_set_new(one, "cpu_seconds", json_real(each_seconds));
	(void)json_object_set_new(one, "per_second_each", json_real(per_second));
	(void)json_object_set_new(one, "instances_needed",
	                          json_integer((json_int_t)fmax(1, ceil((double)service->rate / per_second))));
	return one;
}

static void print_pools(const json_t *plans, const struct wish *wish)
{
	size_t index = 0;
	json_t *one = NULL;
	(void)printf("for %lld jobs a second, workers busy %lld %% of the time, %lld in each transcoder\n%-12s %8s %9s "
	             "%8s %11s %8s %12s\n",
	             (long long)wish->jobs, (long long)wish->busy_percent, (long long)wish->workers_each, "POOL",
	             "MEASURED", "SECONDS", "WORKERS", "GOOD FOR/S", "NEEDED", "TRANSCODERS");
	json_array_foreach(plans, index, one)
	{
		if (json_object_get(one, "pool") == NULL)
			continue;
		if (json_is_null(json_object_get(one, "job_seconds"))) {
			(void)printf("%-12s has done no job yet: nothing is measured\n", report_text(one, "pool"));
			continue;
		}
		(void)printf("%-12s %8lld %9.3f %8lld %11.1f %8lld %12lld\n", report_text(one, "pool"),
		             (long long)report_int(one, "jobs_measured"),
		             json_real_value(json_object_get(one, "job_seconds")),
		             (long long)report_int(one, "workers_running"),
		             json_number_value(json_object_get(one, "jobs_per_second_now")),
		             (long long)report_int(one, "workers_needed"),
		             (long long)report_int(one, "transcoders_needed"));
	}
}

static void print_services(const json_t *plans, const struct wish *wish)
{
	size_t index = 0;
	json_t *one = NULL;
	(void)printf(
	        "\nfor %lld uploads and %lld calls of the API a second, instances busy %lld %% of %lld cores each\n"
	        "%-12s %-9s %9s %9s %11s %9s\n",
	        (long long)wish->jobs, (long long)wish->calls, (long long)wish->busy_percent,
	        (long long)wish->cores_each, "SERVICE", "OF", "MEASURED", "CPU MS", "GOOD FOR/S", "INSTANCES");
	json_array_foreach(plans, index, one)
	{
		if (json_object_get(one, "service") == NULL)
			continue;
		double measured = json_number_value(json_object_get(one, "measured"));
		if (json_is_null(json_object_get(one, "cpu_seconds")))
			(void)printf("%-12s %-9s %9.0f too few to tell: let it work first (`safelightctl bench`)\n",
			             report_text(one, "service"), report_text(one, "unit"), measured);
		else
			(void)printf("%-12s %-9s %9.0f %9.2f %11.1f %9lld\n", report_text(one, "service"),
			             report_text(one, "unit"), measured,
			             json_real_value(json_object_get(one, "cpu_seconds")) * 1000,
			             json_real_value(json_object_get(one, "per_second_each")),
			             (long long)report_int(one, "instances_needed"));
	}
}

// Add what a service has done and spent so far, times `sign`. A service that does not answer is not there.
static void look(struct http_client *http, struct service *service, double sign)
{
	CLEANUP(free_pointer) char *metrics = NULL;
	char origin[256], url[300];
	struct err err = { 0 };
	unsigned status = 0;
	reach_url(service->listen, origin, sizeof origin);
	(void)snprintf(url, sizeof url, "%s/metrics", origin);
	service->is_there = reach_get(http, url, METRICS_MS, &status, &metrics, &err) == RC_OK && status == 200;
	if (!service->is_there)
		return;
	service->cpu_seconds += sign * metrics_text_sum(metrics, "process_cpu_seconds_total", "");
	service->work += sign * metrics_text_sum(metrics, service->series, service->part);
}

static enum rc measure(const struct settings *settings, const struct wish *wish, json_t *plans, struct err *err)
{
	struct http_client *http = NULL;
	struct service services[] = {
		{ "ingest", "uploads", settings->ingest_listen, "safelight_uploads_total{", "outcome=\"completed\"",
		  wish->jobs, 0, 0, false },
		{ "api", "calls", settings->api_listen, "safelight_http_requests_total{", "route=\"/v1/", wish->calls,
		  0, 0, false },
	};
	enum rc rc = reach_http(&http, 1, err);
	for (size_t i = 0; rc == RC_OK && wish->over_seconds > 0 && i < sizeof services / sizeof services[0]; i++)
		look(http, &services[i], -1);
	if (rc == RC_OK && wish->over_seconds > 0)
		clock_sleep_ms(wish->over_seconds * 1000);
	for (size_t i = 0; rc == RC_OK && i < sizeof services / sizeof services[0]; i++) {
		look(http, &services[i], 1);
		(void)json_array_append_new(plans, plan_service(&services[i], wish));
	}
	reach_http_done(&http);
	return rc;
}

static enum rc read_wish(const struct call *call, struct wish *wish, struct err *err)
{
	enum rc rc = call_number(call, "--jobs", 1, RATE_MOST, &wish->jobs, err);
	if (rc == RC_OK)
		rc = call_number(call, "--calls", 1, RATE_MOST, &wish->calls, err);
	if (rc == RC_OK)
		rc = call_number(call, "--busy", 1, 95, &wish->busy_percent, err);
	if (rc == RC_OK)
		rc = call_number(call, "--workers-each", 1, 256, &wish->workers_each, err);
	if (rc == RC_OK)
		rc = call_number(call, "--cores-each", 1, 256, &wish->cores_each, err);
	return rc == RC_OK ? call_number(call, "--over", 1, 86400, &wish->over_seconds, err) : rc;
}

static enum rc run(const struct call *call, struct err *err)
{
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	json_auto_t *pools = NULL;
	json_auto_t *plans = json_array();
	struct wish wish = {
		.jobs = 1, .calls = 100, .busy_percent = BUSY_PERCENT, .workers_each = CORES, .cores_each = 1
	};
	enum rc rc = read_wish(call, &wish, err);
	if (rc == RC_OK)
		rc = reach_bus(call, &bus, err);
	if (rc == RC_OK)
		rc = bus_pools_read(bus, call->settings, &pools, err);
	size_t index = 0;
	json_t *pool = NULL;
	json_array_foreach(pools, index, pool)(void) json_array_append_new(plans, plan_pool(pool, &wish));
	if (rc == RC_OK)
		rc = measure(call->settings, &wish, plans, err);
	if (rc != RC_OK)
		return rc;
	if (call->json) {
		report_json(plans);
		return RC_OK;
	}
	print_pools(plans, &wish);
	print_services(plans, &wish);
	return RC_OK;
}

static const struct command_option OPTIONS[] = {
	{ "--jobs", "N", "uploads a second; each is one job in each of its preset's pools (1)" },
	{ "--calls", "N", "calls of the API a second (100)" },
	{ "--busy", "N", "percent of their time that workers and cores may be busy, 1 to 95 (70)" },
	{ "--workers-each", "N", "workers of one transcoder, at most its host's cores (4)" },
	{ "--cores-each", "N", "cores for one instance of ingest or the API (1)" },
	{ "--over", "SECONDS", "measure the services over the next SECONDS, under load, not since their start" },
	{ 0 },
};

const struct command command_capacity = {
	.name = "capacity",
	.arguments = "",
	.summary = "how many workers, transcoders and instances a load needs, by what was measured so far",
	.options = OPTIONS,
	.secrets = SECRETS_BUS,
	.run = run,
};
