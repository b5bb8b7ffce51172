// GET /healthz, /readyz, /metrics.
#include "http/builtin.h"

#include "base/json_write.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/process_metrics.h"
#include "http/request_priv.h"
#include "http/respond.h"
#include "http/server_priv.h"
#include "http/telemetry.h"

static void get_health(struct http_request *request)
{
	struct buffer out;
	buffer_init(&out, 64);
	buffer_append_text(&out, "{\"status\":\"ok\"}");
	http_respond_json(request, 200, &out);
}

struct http_ready {
	struct json_write json;
	bool ok;
};

void http_ready_add(struct http_ready *ready, const char *name, bool ok, const char *detail)
{
	json_write_object_begin(&ready->json, NULL);
	json_write_text(&ready->json, "name", name);
	json_write_bool(&ready->json, "ok", ok);
	if (detail != NULL)
		json_write_text(&ready->json, "detail", detail);
	json_write_object_end(&ready->json);
	ready->ok &= ok;
}

static void get_ready(struct http_request *request)
{
	struct http_server *server = request->server;
	struct buffer out;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	struct http_ready ready = { .ok = true };
	json_write_init(&ready.json, &out);
	json_write_object_begin(&ready.json, NULL);
	json_write_array_begin(&ready.json, "checks");
	if (atomic_load(&server->leaving))
		http_ready_add(&ready, "server", false, "being stopped");
	else if (server->config.check_ready != NULL)
		server->config.check_ready(server->config.context, &ready, request->deadline);
	json_write_array_end(&ready.json);
	json_write_text(&ready.json, "status", ready.ok ? "ready" : "not ready");
	json_write_object_end(&ready.json);
	http_respond_json(request, ready.ok ? 200 : 503, &out);
}

static void get_metrics(struct http_request *request)
{
	struct http_server *server = request->server;
	struct buffer out;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	telemetry_refresh(server->telemetry, server->workers);
	if (server->config.metrics != NULL)
		metrics_render(server->config.metrics, &out);
	process_metrics_render(&out);
	http_respond_buffer(request, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}

static const struct route route_health = { .method = "GET",
	                                   .path = "/healthz",
	                                   .auth = ROUTE_PUBLIC,
	                                   .run = ROUTE_EVENT,
	                                   .handle = get_health,
	                                   .summary = "The process lives." };

static const struct route route_ready = { .method = "GET",
	                                  .path = "/readyz",
	                                  .auth = ROUTE_PUBLIC,
	                                  .run = ROUTE_WORKER,
	                                  .handle = get_ready,
	                                  .summary = "Every dependency answers." };

static const struct route route_metrics = { .method = "GET",
	                                    .path = "/metrics",
	                                    .auth = ROUTE_PUBLIC,
	                                    .run = ROUTE_EVENT,
	                                    .handle = get_metrics,
	                                    .summary = "Metrics in Prometheus' text format." };

const struct route *const builtin_routes[] = { &route_health, &route_ready, &route_metrics };
const size_t builtin_route_count = sizeof builtin_routes / sizeof builtin_routes[0];
