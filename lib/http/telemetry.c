// Rate, errors and duration by route.
#include "http/telemetry.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/work_pool.h"
#include "http/request_priv.h"
#include "http/server_priv.h"
#include "http/trace.h"

#define TELEMETRY_SLOW_US 1000000
#define STATUS_OVER_QUOTA 507

// Status classes as label values; index 0: the client had gone.
static const char *const STATUS_CLASSES[] = { "aborted", "1xx", "2xx", "3xx", "4xx", "5xx" };
#define STATUS_CLASS_COUNT (sizeof STATUS_CLASSES / sizeof STATUS_CLASSES[0])

struct route_metrics {
	struct metric *requests[STATUS_CLASS_COUNT];
	struct metric *seconds;
};

struct http_telemetry {
	struct metric *connections;
	struct metric *feeds;
	struct metric *in_flight;
	struct metric *waiting;
	size_t route_count;
	struct route_metrics routes[]; // the last one is for requests that no route fits
};

static void resolve_route(struct route_metrics *metrics_of, struct metrics *metrics, const char *method,
                          const char *path)
{
	char labels[256];
	for (size_t i = 0; i < STATUS_CLASS_COUNT; i++) {
		(void)snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\",status=\"%s\"", path, method,
		               STATUS_CLASSES[i]);
		metrics_of->requests[i] = metrics_add(metrics, METRIC_COUNTER, "safelight_http_requests_total",
		                                      "Requests by route, method and status class.", labels);
	}
	(void)snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\"", path, method);
	metrics_of->seconds = metrics_add(
	        metrics, METRIC_HISTOGRAM, "safelight_http_request_seconds",
	        "Our time for a request: from the end of its body to its answer, without the network.", labels);
}

struct http_telemetry *telemetry_new(struct metrics *metrics, const struct route *const *routes, size_t count)
{
	struct http_telemetry *telemetry = calloc(1, sizeof *telemetry + (count + 1) * sizeof telemetry->routes[0]);
	if (telemetry == NULL || metrics == NULL)
		return telemetry;
	telemetry->route_count = count;
	telemetry->connections =
	        metrics_add(metrics, METRIC_GAUGE, "safelight_http_connections", "Open client connections.", NULL);
	telemetry->feeds = metrics_add(metrics, METRIC_GAUGE, "safelight_http_feeds",
	                               "Open feeds (they count as requests in hand, too).", NULL);
	telemetry->in_flight =
	        metrics_add(metrics, METRIC_GAUGE, "safelight_http_requests_in_flight", "Requests in hand.", NULL);
	telemetry->waiting = metrics_add(metrics, METRIC_GAUGE, "safelight_http_worker_queue_requests",
	                                 "Requests waiting for a worker.", NULL);
	for (size_t i = 0; i < count; i++)
		resolve_route(&telemetry->routes[i], metrics, routes[i]->method, routes[i]->path);
	resolve_route(&telemetry->routes[count], metrics, "other", "unmatched");
	return telemetry;
}

void telemetry_free(struct http_telemetry *telemetry)
{
	free(telemetry);
}

void telemetry_count_connection(struct http_telemetry *telemetry, int64_t change)
{
	metric_add(telemetry->connections, change);
}

void telemetry_count_feed(struct http_telemetry *telemetry, int64_t change)
{
	metric_add(telemetry->feeds, change);
}

void telemetry_begin(struct http_telemetry *telemetry)
{
	metric_add(telemetry->in_flight, 1);
}

// What we took; slow clients, sending or receiving, do not count.
static int64_t own_time_us(const struct http_request *request)
{
	return request->answered_us - (request->begun_us != 0 ? request->begun_us : request->started_us);
}

// An account that is over its quota is told so by a 5xx (RFC 4918 §11.5), and nothing of ours has failed.
static bool is_our_failure(unsigned status)
{
	return status >= 500 && status != STATUS_OVER_QUOTA;
}

static void record_span(const struct http_request *request, unsigned status, int64_t took_us)
{
	char name[128];
	if (request->server->config.trace == NULL)
		return;
	const char *route = request->route == NULL ? "other" : request->route->path;
	(void)snprintf(name, sizeof name, "%s %s", request->route == NULL ? "HTTP" : request->route->method, route);
	int64_t now_us = clock_now_us();
	trace_record(request->server->config.trace,
	             &(struct trace_span){ .name = name,
	                                   .traceparent = request->traceparent,
	                                   .parent = http_request_header(request, "traceparent"),
	                                   .kind = TRACE_SERVER,
	                                   .started_us = now_us - took_us,
	                                   .ended_us = now_us,
	                                   .failed = is_our_failure(status),
	                                   .attributes = { { "http.request.method", request->method, 0 },
	                                                   { "http.route", route, 0 },
	                                                   { "http.response.status_code", NULL, status },
	                                                   { "safelight.request_id", request->id, 0 } } });
}

// The log's threshold is higher: a ring is for looking at, a log for being kept.
static void keep_notable(const struct http_request *request, unsigned status, int64_t took_us)
{
	if (!is_our_failure(status) && took_us < HTTP_NOTABLE_US)
		return;
	struct http_notable notable = { .at_us = clock_now_us(),
		                        .took_us = took_us,
		                        .status = status,
		                        .method = request->route == NULL ? "other" : request->route->method,
		                        .route = request->route == NULL ? "unmatched" : request->route->path };
	(void)snprintf(notable.request_id, sizeof notable.request_id, "%s", request->id);
	notable_ring_add(&request->server->notables, &notable);
}

void telemetry_end(struct http_telemetry *telemetry, const struct http_request *request, unsigned status)
{
	int64_t took_us = request->answered_us == 0 ? 0 : own_time_us(request);
	size_t index = request->route == NULL ? telemetry->route_count : request->route_index;
	struct route_metrics *metrics = &telemetry->routes[index];
	// By whose fault it is: the objectives and their alerts count what failed on our side.
	unsigned group = status == STATUS_OVER_QUOTA ? 4 : status / 100;
	size_t class = group < STATUS_CLASS_COUNT ? group : STATUS_CLASS_COUNT - 1;
	metric_add(telemetry->in_flight, -1);
	metric_add(metrics->requests[class], 1);
	if (request->answered_us != 0)
		metric_observe_us(metrics->seconds, took_us);
	record_span(request, status, took_us);
	keep_notable(request, status, took_us);
	bool notable = is_our_failure(status) || took_us >= TELEMETRY_SLOW_US;
	LOG_EVENT(notable ? LOG_INFO : LOG_DEBUG, "http_request", LOG_TEXT("request_id", request->id),
	          LOG_TEXT("method", request->method),
	          LOG_TEXT("route", request->route == NULL ? NULL : request->route->path), LOG_INT("status", status),
	          LOG_INT("microseconds", took_us), LOG_INT("body_bytes", request->body_seen),
	          LOG_TEXT("client", request->client), LOG_TEXT("trace", request->traceparent),
	          LOG_BOOL("timed_out", request->timed_out));
}

void telemetry_refresh(struct http_telemetry *telemetry, struct work_pool *workers)
{
	metric_set(telemetry->waiting, (int64_t)work_pool_waiting(workers));
}
