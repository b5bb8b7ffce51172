// Looking at services, NATS and the store.
#include "safelightctl/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "bus/health.h"
#include "http/client.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"
#include "store/store.h"

static json_t *new_part(const char *name)
{
	return json_pack("{s:s, s:b}", "name", name, "ok", 1);
}

static void set_failed(json_t *part, const char *detail)
{
	(void)json_object_set_new(part, "ok", json_false());
	if (json_object_get(part, "detail") == NULL)
		(void)json_object_set_new(part, "detail", json_string(detail));
}

// "not ready: database, bus (no connection)".
static void tell_checks(json_t *part, const json_t *answer)
{
	char text[ERR_TEXT_SIZE] = "";
	size_t index = 0;
	json_t *check = NULL;
	json_array_foreach(json_object_get(answer, "checks"), index, check)
	{
		size_t length = strlen(text);
		if (!report_bool(check, "ok"))
			(void)snprintf(text + length, sizeof text - length, "%s%s", length == 0 ? "not ready: " : ", ",
			               report_text(check, "name"));
	}
	set_failed(part, text[0] == '\0' ? "not ready" : text);
}

static json_t *probe_http(struct http_client *http, const char *name, const char *listen, const char *path)
{
	json_t *part = new_part(name);
	CLEANUP(free_pointer) char *body = NULL;
	json_auto_t *answer = NULL;
	json_error_t where;
	struct err err = { 0 };
	char origin[256], url[300];
	unsigned status = 0;
	reach_url(listen, origin, sizeof origin);
	(void)snprintf(url, sizeof url, "%s%s", origin, path);
	(void)json_object_set_new(part, "url", json_string(origin));
	int64_t began_us = clock_monotonic_us();
	if (reach_get(http, url, PROBE_HTTP_MS, &status, &body, &err) != RC_OK) {
		set_failed(part, err.rc == RC_UNAVAILABLE ? "nobody answers" : err.text);
		return part;
	}
	(void)json_object_set_new(part, "milliseconds", json_integer((clock_monotonic_us() - began_us) / 1000));
	answer = json_loads(body, 0, &where);
	if (json_is_array(json_object_get(answer, "checks")))
		(void)json_object_set(part, "checks", json_object_get(answer, "checks"));
	if (status != 200)
		tell_checks(part, answer);
	return part;
}

json_t *probe_service(struct http_client *http, const char *name, const char *listen)
{
	return probe_http(http, name, listen, "/readyz");
}

json_t *probe_edge(struct http_client *http, const char *listen)
{
	return probe_http(http, "edge", listen, "/healthz");
}

// ---- NATS ---------------------------------------------------------------------------------------------------------

static void add_streams(json_t *part, const struct bus_health *health)
{
	json_t *streams = json_array();
	for (size_t i = 0; i < health->stream_count; i++) {
		const struct bus_health_stream *stream = &health->streams[i];
		(void)json_array_append_new(
		        streams, json_pack("{s:s, s:b, s:I, s:I, s:I}", "name", stream->name, "present",
		                           (int)stream->present, "messages", (json_int_t)stream->messages, "bytes",
		                           (json_int_t)stream->bytes, "max_bytes", (json_int_t)stream->max_bytes));
	}
	(void)json_object_set_new(part, "streams", streams);
}

static void add_consumers(json_t *part, const struct bus_health *health)
{
	json_t *consumers = json_array();
	uint64_t backlog = 0;
	for (size_t i = 0; i < health->consumer_count; i++) {
		const struct bus_health_consumer *consumer = &health->consumers[i];
		backlog += consumer->pending + consumer->ack_pending;
		(void)json_array_append_new(consumers, json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", consumer->name,
		                                                 "pending", (json_int_t)consumer->pending,
		                                                 "ack_pending", (json_int_t)consumer->ack_pending,
		                                                 "redelivered", (json_int_t)consumer->redelivered,
		                                                 "waiting", (json_int_t)consumer->waiting));
	}
	(void)json_object_set_new(part, "consumers", consumers);
	(void)json_object_set_new(part, "backlog", json_integer((json_int_t)backlog));
}

json_t *probe_bus(const struct call *call)
{
	json_t *part = new_part("bus");
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	CLEANUP(free_pointer) struct bus_health *health = calloc(1, sizeof *health);
	struct err err = { 0 };
	(void)json_object_set_new(part, "url", json_string(call->settings->bus_url));
	if (health == NULL || reach_bus(call, &bus, &err) != RC_OK) {
		set_failed(part, health == NULL ? "no memory" : err.text);
		return part;
	}
	if (bus_health_check(bus, health, deadline_after_ms(call->settings->bus_timeout_ms), &err) != RC_OK)
		set_failed(part, err.text);
	(void)json_object_set_new(part, "store_bytes", json_integer((json_int_t)health->store_bytes));
	(void)json_object_set_new(part, "store_limit_bytes", json_integer(health->store_limit_bytes));
	add_streams(part, health);
	add_consumers(part, health);
	return part;
}

// ---- store --------------------------------------------------------------------------------------------------------

// A key that is surely not there: the bucket and the right to read it are what is asked for.
static enum rc head_nothing(struct store *store, const char *bucket, struct err *err)
{
	struct uuid id = uuid_new();
	struct store_object object;
	char key[64] = ".probe/";
	uuid_format(&id, key + strlen(key));
	const struct store_target target = { .bucket = bucket, .key = key, .timeout_ms = PROBE_HTTP_MS };
	enum rc rc = store_head(store, &target, &object, err);
	if (rc == RC_OK)
		store_object_done(&object);
	return rc == RC_NOT_FOUND ? RC_OK : err_prefix(err, rc, "bucket %s", bucket);
}

json_t *probe_store(const struct call *call)
{
	const struct settings *settings = call->settings;
	json_t *part = new_part("store");
	struct store *store = NULL;
	struct err err = { 0 };
	(void)json_object_set_new(part, "url", json_string(settings->store_endpoint));
	int64_t began_us = clock_monotonic_us();
	enum rc rc = store_open_configured(settings, settings->admin_access_key, settings->admin_secret_key, NULL,
	                                   &store, &err);
	if (rc == RC_OK)
		rc = head_nothing(store, settings->store_originals_bucket, &err);
	if (rc == RC_OK)
		rc = head_nothing(store, settings->store_media_bucket, &err);
	if (rc != RC_OK)
		set_failed(part, err.text);
	if (rc == RC_OK) {
		int64_t skew_ms = store_clock_skew_ms(store);
		(void)json_object_set_new(part, "milliseconds", json_integer((clock_monotonic_us() - began_us) / 1000));
		(void)json_object_set_new(part, "clock_skew_ms", json_integer(skew_ms));
		if (llabs(skew_ms) > PROBE_SKEW_MS)
			set_failed(part, "its clock and ours differ by more than a minute");
	}
	store_free(store);
	return part;
}
