// safelightctl top: pools, backlog and lag while they change.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "bus/health.h"
#include "bus/pools.h"
#include "db/pool.h"
#include "http/client.h"
#include "safelightctl/command.h"
#include "safelightctl/pools.h"
#include "safelightctl/rates.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define INTERVAL_SECONDS 2
#define METRICS_MS 1000
#define CLEAR_SCREEN "\033[H\033[J"

static const struct db_statement lag_statement = {
	.name = "ctl_top_lag",
	.sql = "SELECT json_build_object('queued', (SELECT count(*) FROM jobs WHERE state = 'queued'), "
	       "'running', (SELECT count(*) FROM jobs WHERE state = 'running'), "
	       "'oldest_queued_ms', (SELECT coalesce((extract(epoch FROM max(now() - queued_at)) * 1000)::bigint, 0) "
	       "    FROM jobs WHERE state = 'queued' AND not_before <= now()), "
	       "'outbox_waiting', count(*), 'outbox_oldest_ms', "
	       "coalesce((extract(epoch FROM max(now() - created_at)) * 1000)::bigint, 0)) "
	       "FROM outbox WHERE sent_at IS NULL",
	.read_only = true,
};

struct view {
	const struct call *call;
	struct bus *bus;
	struct db_pool *database;
	struct http_client *http;
	struct rates *rates;
	bool is_screen;
	bool has_head; // of the plain lines
};

// Waiting and in hand of the pool's lanes.
static void add_backlog(json_t *pools, const struct bus_health *health)
{
	size_t index = 0;
	json_t *pool = NULL;
	json_array_foreach(pools, index, pool)
	{
		struct bus_health_backlog backlog = bus_health_backlog(health, report_text(pool, "name"));
		(void)json_object_set_new(pool, "backlog",
		                          json_integer((json_int_t)backlog.pending + (json_int_t)backlog.in_hand));
	}
}

// One look. A part that does not answer is told of, and the others are shown.
static json_t *look(struct view *view)
{
	const struct settings *settings = view->call->settings;
	CLEANUP(free_pointer) struct bus_health *health = calloc(1, sizeof *health);
	CLEANUP(free_pointer) char *metrics = NULL;
	char now[CLOCK_TEXT_SIZE], origin[256], url[300];
	struct err err = { 0 };
	unsigned status = 0;
	json_t *pools = NULL, *lag = NULL, *document = NULL;
	clock_format_rfc3339(clock_now_us(), now);
	document = json_pack("{s:s, s:[]}", "time", now, "errors");
	reach_url(settings->transcoder_listen, origin, sizeof origin);
	(void)snprintf(url, sizeof url, "%s/metrics", origin);
	if (bus_pools_read(view->bus, view->call->settings, &pools, &err) != RC_OK) {
		(void)json_array_append_new(json_object_get(document, "errors"), json_string(err.text));
		pools = json_array();
	}
	bool has_metrics = reach_get(view->http, url, METRICS_MS, &status, &metrics, &err) == RC_OK && status == 200;
	rates_add(view->rates, pools, has_metrics ? metrics : NULL);
	if (health != NULL &&
	    bus_health_check(view->bus, health, deadline_after_ms(settings->bus_timeout_ms), &err) == RC_OK)
		add_backlog(pools, health);
	if (reach_query(view->database, &lag_statement, NULL, &lag, &err) == RC_OK)
		(void)json_object_update(document, lag);
	else
		(void)json_array_append_new(json_object_get(document, "errors"), json_string(err.text));
	(void)json_object_set_new(document, "pools", pools);
	json_decref(lag);
	return document;
}

static const char *rate_text(const json_t *rate, const char *format, char ret_text[REPORT_TEXT_SIZE])
{
	if (!json_is_number(rate))
		return "-";
	if (strcmp(format, "s") == 0)
		return report_duration((int64_t)(json_number_value(rate) * 1000), ret_text);
	(void)snprintf(ret_text, REPORT_TEXT_SIZE, "%.1f", json_number_value(rate));
	return ret_text;
}

static void print_pool_line(const json_t *pool)
{
	char done[REPORT_TEXT_SIZE], failed[REPORT_TEXT_SIZE], p95[REPORT_TEXT_SIZE], workers[REPORT_TEXT_SIZE],
	        limits[REPORT_TEXT_SIZE];
	(void)snprintf(workers, sizeof workers, "%lld/%lld", (long long)report_int(pool, "workers_running"),
	               (long long)report_int(pool, "workers_wanted"));
	(void)printf("%-10s %8s %7s %-7s %7lld %8lld %8s %8s %9s", report_text(pool, "name"), workers,
	             pools_limits(pool, limits), report_bool(pool, "setting.paused") ? "paused" : "running",
	             (long long)report_int(pool, "waiting"), (long long)report_int(pool, "backlog"),
	             rate_text(json_object_get(pool, "done_per_second"), "n", done),
	             rate_text(json_object_get(pool, "failed_per_second"), "n", failed),
	             rate_text(json_object_get(pool, "p95_seconds"), "s", p95));
}

static void print_head(bool with_time)
{
	(void)printf("%s%-10s %8s %7s %-7s %7s %8s %8s %8s %9s%s\n", with_time ? "TIME                     " : "",
	             "POOL", "WORKERS", "LIMITS", "STATE", "WAITING", "BACKLOG", "DONE/S", "FAIL/S", "P95 UNDER",
	             with_time ? "   QUEUED    OUTBOX" : "");
}

static void print_errors(const json_t *document)
{
	size_t index = 0;
	json_t *error = NULL;
	json_array_foreach(json_object_get(document, "errors"), index, error)(void)
	        printf("! %s\n", json_string_value(error));
}

static void print_screen(const json_t *document)
{
	char oldest[REPORT_TEXT_SIZE], lag[REPORT_TEXT_SIZE];
	size_t index = 0;
	json_t *pool = NULL;
	(void)printf(CLEAR_SCREEN "safelight  %s\n\n", report_text(document, "time"));
	(void)printf("jobs    %lld queued, the oldest for %s, %lld running\n",
	             (long long)report_int(document, "queued"),
	             report_duration(report_int(document, "oldest_queued_ms"), oldest),
	             (long long)report_int(document, "running"));
	(void)printf("outbox  %lld waiting, the oldest for %s\n\n", (long long)report_int(document, "outbox_waiting"),
	             report_duration(report_int(document, "outbox_oldest_ms"), lag));
	print_head(false);
	json_array_foreach(json_object_get(document, "pools"), index, pool)
	{
		print_pool_line(pool);
		(void)printf("\n");
	}
	print_errors(document);
}

static void print_lines(struct view *view, const json_t *document)
{
	size_t index = 0;
	json_t *pool = NULL;
	if (!view->has_head)
		print_head(true);
	view->has_head = true;
	json_array_foreach(json_object_get(document, "pools"), index, pool)
	{
		(void)printf("%-24s ", report_text(document, "time"));
		print_pool_line(pool);
		(void)printf(" %8lld  %8lld\n", (long long)report_int(document, "queued"),
		             (long long)report_int(document, "outbox_waiting"));
	}
	print_errors(document);
}

static void show(struct view *view, const json_t *document)
{
	if (view->call->json) {
		char *text = json_dumps(document, JSON_COMPACT);
		(void)printf("%s\n", text == NULL ? "null" : text);
		free(text);
	} else if (view->is_screen) {
		print_screen(document);
	} else {
		print_lines(view, document);
	}
	(void)fflush(stdout);
}

static enum rc run(const struct call *call, struct err *err)
{
	struct view view = { .call = call, .is_screen = isatty(STDOUT_FILENO) == 1 };
	int64_t interval = INTERVAL_SECONDS, count = 0;
	enum rc rc = call_number(call, "--interval", 1, 3600, &interval, err);
	if (rc == RC_OK)
		rc = call_number(call, "--count", 1, INT32_MAX, &count, err);
	if (rc == RC_OK)
		rc = reach_bus(call, &view.bus, err);
	if (rc == RC_OK)
		rc = reach_database(call, &view.database, err);
	if (rc == RC_OK)
		rc = reach_http(&view.http, 1, err);
	view.rates = rates_new();
	for (int64_t round = 0; rc == RC_OK && view.rates != NULL; round++) {
		json_t *document = look(&view);
		show(&view, document);
		json_decref(document);
		if ((count > 0 && round + 1 >= count) || ferror(stdout) != 0)
			break;
		clock_sleep_ms(interval * 1000);
	}
	rates_free(view.rates);
	reach_http_done(&view.http);
	reach_database_done(&view.database);
	reach_bus_done(&view.bus);
	return rc;
}

static const struct command_option OPTIONS[] = {
	{ "--interval", "SECONDS", "between two looks, 1 to 3600 (2)" },
	{ "--count", "N", "end after so many looks (never)" },
	{ 0 },
};

const struct command command_top = {
	.name = "top",
	.arguments = "",
	.summary = "pools, rates, backlog and lag while they change",
	.options = OPTIONS,
	.secrets = SECRETS_DATABASE " " SECRETS_BUS,
	.run = run,
};
