// safelightctl status: the whole system on one screen, and whether it is well.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/settings.h"
#include "http/client.h"
#include "safelightctl/command.h"
#include "safelightctl/probe.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

static void add_problem(json_t *document, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_problem(json_t *document, const char *format, ...)
{
	char text[ERR_TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	(void)json_array_append_new(json_object_get(document, "problems"), json_string(text));
}

static void judge_part(json_t *document, const json_t *part)
{
	if (!report_bool(part, "ok"))
		add_problem(document, "%s: %s", report_text(part, "name"), report_text(part, "detail"));
}

// What waits too long.
static void judge_work(json_t *document)
{
	int64_t lag_ms = report_int(document, "outbox.oldest_ms"), unsettled = report_int(document, "unsettled");
	char text[REPORT_TEXT_SIZE];
	if (lag_ms > PROBE_LAG_MS)
		add_problem(document, "outbox: the oldest message has waited for %s", report_duration(lag_ms, text));
	if (unsettled > 0)
		add_problem(document, "%lld media acknowledged more than %d minutes ago are not settled",
		            (long long)unsettled, PROBE_SETTLE_MINUTES);
}

static json_t *collect(const struct call *call, struct http_client *http)
{
	static const char *const PARTS[] = { "edge", "database", "bus", "store" };
	const struct settings *settings = call->settings;
	char now[CLOCK_TEXT_SIZE];
	clock_format_rfc3339(clock_now_us(), now);
	json_t *document = json_pack("{s:b, s:s, s:[]}", "healthy", 1, "time", now, "problems");
	json_t *services = json_pack("[o, o, o]", probe_service(http, "ingest", settings->ingest_listen),
	                             probe_service(http, "transcoder", settings->transcoder_listen),
	                             probe_service(http, "api", settings->api_listen));
	json_t *database = probe_database(call);
	(void)json_object_set_new(document, "services", services);
	(void)json_object_set_new(document, "edge", probe_edge(http, settings->edge_listen));
	(void)json_object_set_new(document, "database", database);
	(void)json_object_set_new(document, "bus", probe_bus(call));
	(void)json_object_set_new(document, "error_budget", probe_budget(call, http));
	(void)json_object_set_new(document, "store", probe_store(call));
	// What the tables say stands at the top: outbox, jobs, media_last_day, dead_letters, unsettled,
	// deletions_waiting.
	(void)json_object_update(document, json_object_get(database, "work"));
	(void)json_object_del(database, "work");
	size_t index = 0;
	json_t *service = NULL;
	json_array_foreach(services, index, service) judge_part(document, service);
	for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++)
		judge_part(document, json_object_get(document, PARTS[i]));
	judge_work(document);
	(void)json_object_set_new(document, "healthy",
	                          json_boolean(json_array_size(json_object_get(document, "problems")) == 0));
	return document;
}

static void print_part(const json_t *part, const char *facts)
{
	char text[REPORT_TEXT_SIZE];
	const json_t *ms = json_object_get(part, "milliseconds");
	(void)printf("%-11s %-4s %8s  %s\n", report_text(part, "name"), report_bool(part, "ok") ? "ok" : "FAIL",
	             ms == NULL ? "" : report_duration(json_integer_value(ms), text),
	             report_bool(part, "ok") ? facts : report_text(part, "detail"));
}

static void print_parts(const json_t *document)
{
	char facts[256], bytes[REPORT_TEXT_SIZE], limit[REPORT_TEXT_SIZE], oldest[REPORT_TEXT_SIZE];
	size_t index = 0;
	json_t *service = NULL;
	json_array_foreach(json_object_get(document, "services"), index, service)
	        print_part(service, report_text(service, "url"));
	print_part(json_object_get(document, "edge"), report_text(document, "edge.url"));
	(void)snprintf(facts, sizeof facts, "Postgres %s, %lld of %lld connections, oldest transaction %s, %s",
	               report_text(document, "database.version"),
	               (long long)report_int(document, "database.connections"),
	               (long long)report_int(document, "database.max_connections"),
	               report_duration(report_int(document, "database.oldest_transaction_ms"), oldest),
	               report_bytes(report_int(document, "database.bytes"), bytes));
	print_part(json_object_get(document, "database"), facts);
	int64_t limit_bytes = report_int(document, "bus.store_limit_bytes");
	(void)snprintf(facts, sizeof facts, "%zu streams, %s of %s, backlog %lld",
	               json_array_size(report_at(document, "bus.streams")),
	               report_bytes(report_int(document, "bus.store_bytes"), bytes),
	               limit_bytes < 0 ? "no limit" : report_bytes(limit_bytes, limit),
	               (long long)report_int(document, "bus.backlog"));
	print_part(json_object_get(document, "bus"), facts);
	(void)snprintf(facts, sizeof facts, "%s, clock %+lld ms", report_text(document, "store.url"),
	               (long long)report_int(document, "store.clock_skew_ms"));
	print_part(json_object_get(document, "store"), facts);
}

static void print_counts(const char *title, const json_t *counts)
{
	const char *state;
	json_t *count;
	(void)printf("%-17s", title);
	json_object_foreach((json_t *)counts, state, count)(void)
	        printf(" %s %lld ", state, (long long)json_integer_value(count));
	(void)printf("\n");
}

static void print_work(const json_t *document)
{
	char oldest[REPORT_TEXT_SIZE];
	size_t index = 0;
	json_t *consumer = NULL;
	json_array_foreach(report_at(document, "bus.consumers"), index, consumer)
	{
		if (report_int(consumer, "pending") + report_int(consumer, "ack_pending") > 0)
			(void)printf("lane %-22s %lld waiting, %lld in hand\n", report_text(consumer, "name"),
			             (long long)report_int(consumer, "pending"),
			             (long long)report_int(consumer, "ack_pending"));
	}
	if (json_object_get(document, "jobs") == NULL)
		return;
	(void)printf("outbox            %lld waiting, the oldest for %s\n",
	             (long long)report_int(document, "outbox.waiting"),
	             report_duration(report_int(document, "outbox.oldest_ms"), oldest));
	(void)printf("jobs now          %lld queued, the oldest for %s, %lld running\n",
	             (long long)report_int(document, "jobs.queued"),
	             report_duration(report_int(document, "jobs.oldest_queued_ms"), oldest),
	             (long long)report_int(document, "jobs.running"));
	print_counts("jobs of 24 h", report_at(document, "jobs.last_day"));
	print_counts("media of 24 h", json_object_get(document, "media_last_day"));
	(void)printf("dead letters      %lld\n", (long long)report_int(document, "dead_letters"));
	(void)printf("unsettled > %d min %lld\n", PROBE_SETTLE_MINUTES, (long long)report_int(document, "unsettled"));
}

static void print_budget(const json_t *document)
{
	const char *name;
	json_t *objective;
	(void)printf("error budget used ");
	json_object_foreach(json_object_get(document, "error_budget"), name, objective)(void)
	        printf("%s %lld %% (%lld of %lld)  ", name, (long long)report_int(objective, "used_percent"),
	               (long long)report_int(objective, "bad"), (long long)report_int(objective, "events"));
	(void)printf("since the services' start\n");
}

static enum rc run(const struct call *call, struct err *err)
{
	CLEANUP(reach_http_done) struct http_client *http = NULL;
	enum rc rc = reach_http(&http, 1, err);
	if (rc != RC_OK)
		return rc;
	json_auto_t *document = collect(call, http);
	if (call->json) {
		report_json(document);
	} else {
		(void)printf("%-11s %-4s %8s  %s\n", "PART", "", "TIME", report_text(document, "time"));
		print_parts(document);
		print_work(document);
		print_budget(document);
	}
	if (report_bool(document, "healthy"))
		return RC_OK;
	const json_t *problems = json_object_get(document, "problems");
	return err_set(err, RC_CONFLICT, "not healthy: %s%s", json_string_value(json_array_get(problems, 0)),
	               json_array_size(problems) > 1 ? ", and more" : "");
}

const struct command command_status = {
	.name = "status",
	.arguments = "",
	.summary = "the whole system on one screen; exit status 1 when something is not well",
	.secrets = "admin.* bus.token",
	.run = run,
};
