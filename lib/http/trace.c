// The exporter: spans are written as JSON where they are recorded, and sent by one thread.
#include "http/trace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/json_write.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/retry.h"
#include "base/settings.h"
#include "http/client.h"
#include "http/text.h"

#ifndef SAFELIGHT_VERSION
#define SAFELIGHT_VERSION "unversioned"
#endif

#define QUEUE_SPANS 4096
#define SPAN_BYTES 4096
#define BATCH_SPANS 256
#define BATCH_BYTES (BATCH_SPANS * SPAN_BYTES)
#define BATCH_WAIT_MS 500 // a batch is sent when it is full, or this long after its first span
#define CALL_MS 2000
#define ANSWER_BYTES 65536

static const struct retry_policy SENDING = { .attempts = 3, .base_ms = 200, .cap_ms = 1000 };

struct trace_exporter {
	char *url;
	struct buffer head; // of every batch: resource and scope
	struct http_client *client;
	struct queue *spans; // JSON texts
	pthread_t thread;
	bool has_thread;
	atomic_bool stopping;
	bool gave_up; // the thread's own: while stopping the collector did not answer
	struct metric *sent, *dropped;
};

void trace_new_span(const char *parent, char ret_traceparent[TRACE_PARENT_SIZE])
{
	static const char PATTERN[TRACE_PARENT_SIZE] = "00-00000000000000000000000000000000-0000000000000000-01";
	uint8_t fresh[24];
	char hex[2 * sizeof fresh + 1];
	bool has_parent = parent != NULL && text_is_traceparent(parent);
	random_fill_id(fresh, sizeof fresh);
	encode_hex(fresh, sizeof fresh, hex);
	memmove(ret_traceparent, has_parent ? parent : PATTERN, TRACE_PARENT_SIZE);
	if (!has_parent)
		memcpy(ret_traceparent + 3, hex + 16, 32);
	memcpy(ret_traceparent + 36, hex, 16);
}

static void write_attribute(struct json_write *json, const char *key, const char *text, int64_t number)
{
	char decimal[24];
	json_write_object_begin(json, NULL);
	json_write_text(json, "key", key);
	json_write_object_begin(json, "value");
	if (text != NULL) {
		json_write_text(json, "stringValue", text);
	} else { // 64-bit integers are texts in OTLP's JSON
		(void)snprintf(decimal, sizeof decimal, "%lld", (long long)number);
		json_write_text(json, "intValue", decimal);
	}
	json_write_object_end(json);
	json_write_object_end(json);
}

static void write_time(struct json_write *json, const char *name, int64_t epoch_us)
{
	char nanoseconds[32];
	(void)snprintf(nanoseconds, sizeof nanoseconds, "%lld000", (long long)epoch_us);
	json_write_text(json, name, nanoseconds);
}

static void write_id(struct json_write *json, const char *name, const char *hex, size_t length)
{
	char text[33];
	(void)snprintf(text, sizeof text, "%.*s", (int)length, hex);
	json_write_text(json, name, text);
}

static void write_span(struct json_write *json, const struct trace_span *span)
{
	json_write_object_begin(json, NULL);
	write_id(json, "traceId", span->traceparent + 3, 32);
	write_id(json, "spanId", span->traceparent + 36, 16);
	if (span->parent != NULL && text_is_traceparent(span->parent))
		write_id(json, "parentSpanId", span->parent + 36, 16);
	json_write_text(json, "name", span->name);
	json_write_int(json, "kind", span->kind);
	write_time(json, "startTimeUnixNano", span->started_us);
	write_time(json, "endTimeUnixNano", span->ended_us);
	json_write_array_begin(json, "attributes");
	for (size_t i = 0; i < TRACE_ATTRIBUTES && span->attributes[i].key != NULL; i++)
		write_attribute(json, span->attributes[i].key, span->attributes[i].text, span->attributes[i].number);
	json_write_array_end(json);
	json_write_object_begin(json, "status");
	if (span->failed) {
		json_write_int(json, "code", 2);
		if (span->failure != NULL)
			json_write_text(json, "message", span->failure);
	}
	json_write_object_end(json);
	json_write_object_end(json);
}

static bool is_sampled(const char *traceparent)
{
	return text_is_traceparent(traceparent) && strchr("13579bdf", traceparent[54]) != NULL;
}

void trace_record(struct trace_exporter *exporter, const struct trace_span *span)
{
	if (exporter == NULL || !is_sampled(span->traceparent))
		return;
	struct buffer text;
	struct json_write json;
	buffer_init(&text, SPAN_BYTES);
	json_write_init(&json, &text);
	write_span(&json, span);
	size_t length = 0;
	char *taken = buffer_ok(&text) ? buffer_take(&text, &length) : NULL;
	buffer_done(&text);
	if (taken == NULL || queue_push(exporter->spans, taken, 0) != RC_OK) {
		free(taken);
		metric_add(exporter->dropped, 1);
	}
}

static bool call_collector(struct trace_exporter *exporter, const struct buffer *body)
{
	static const char *const HEADERS[] = { "Content-Type: application/json", NULL };
	const struct http_call call = { .method = "POST",
		                        .url = exporter->url,
		                        .headers = HEADERS,
		                        .body = buffer_text(body),
		                        .body_length = body->length,
		                        .timeout_ms = CALL_MS,
		                        .response_limit = ANSWER_BYTES };
	for (unsigned attempt = 1; attempt <= SENDING.attempts; attempt++) {
		struct err err = { 0 };
		struct http_reply reply;
		enum rc rc = http_client_call(exporter->client, &call, &reply, &err);
		unsigned status = 0;
		if (rc == RC_OK) {
			status = reply.status;
			http_reply_done(&reply);
		}
		if (status / 100 == 2)
			return true;
		// OTLP: these may be tried again, others never.
		bool again = rc != RC_OK || status == 429 || status == 502 || status == 503 || status == 504;
		if (!again || atomic_load(&exporter->stopping))
			return false;
		clock_sleep_ms(retry_delay_ms(&SENDING, attempt));
	}
	return false;
}

// Takes the first span and those that follow within the batch's time.
static void send_batch(struct trace_exporter *exporter, char *first)
{
	struct buffer body;
	struct deadline deadline = deadline_after_ms(BATCH_WAIT_MS);
	int64_t count = 0;
	buffer_init(&body, BATCH_BYTES + 4096);
	buffer_append(&body, buffer_text(&exporter->head), exporter->head.length);
	for (void *span = first; span != NULL;) {
		buffer_append_format(&body, "%s%s", count == 0 ? "" : ",", (char *)span);
		free(span);
		span = NULL;
		int64_t left_ms = deadline_left_ms(deadline);
		if (++count < BATCH_SPANS &&
		    queue_pop(exporter->spans, &span, atomic_load(&exporter->stopping) ? 0 : left_ms) != RC_OK)
			span = NULL;
	}
	buffer_append_text(&body, "]}]}]}");
	bool is_sent = !exporter->gave_up && buffer_ok(&body) && call_collector(exporter, &body);
	exporter->gave_up = !is_sent && atomic_load(&exporter->stopping);
	metric_add(is_sent ? exporter->sent : exporter->dropped, count);
	buffer_done(&body);
}

static void *export_spans(void *argument)
{
	struct trace_exporter *exporter = argument;
	void *span = NULL;
	while (queue_pop(exporter->spans, &span, -1) == RC_OK)
		send_batch(exporter, span);
	return NULL;
}

static void write_head(struct trace_exporter *exporter, const struct trace_config *config)
{
	struct json_write json;
	struct buffer attributes;
	buffer_init(&attributes, 1024);
	json_write_init(&json, &attributes);
	json_write_array_begin(&json, NULL);
	write_attribute(&json, "service.name", config->service, 0);
	write_attribute(&json, "service.namespace", "safelight", 0);
	if (config->version != NULL)
		write_attribute(&json, "service.version", config->version, 0);
	json_write_array_end(&json);
	buffer_init(&exporter->head, 2048);
	buffer_append_format(
	        &exporter->head,
	        "{\"resourceSpans\":[{\"resource\":{\"attributes\":%s},\"scopeSpans\":[{\"scope\":{\"name\":"
	        "\"safelight\"},\"spans\":[",
	        buffer_text(&attributes));
	buffer_done(&attributes);
}

enum rc trace_exporter_configured(const struct settings *settings, const char *service, struct metrics *metrics,
                                  struct trace_exporter **ret_exporter, struct err *err)
{
	const struct trace_config config = {
		.url = settings->trace_otlp_url, .service = service, .version = SAFELIGHT_VERSION, .metrics = metrics
	};
	*ret_exporter = NULL;
	return config.url[0] == '\0' ? RC_OK : trace_exporter_new(&config, ret_exporter, err);
}

enum rc trace_exporter_new(const struct trace_config *config, struct trace_exporter **ret_exporter, struct err *err)
{
	if (strncmp(config->url, "http://", 7) != 0 && strncmp(config->url, "https://", 8) != 0)
		return err_set(err, RC_INVALID, "[trace] otlp_url = %s: must be an http or https URL", config->url);
	struct trace_exporter *exporter = calloc(1, sizeof *exporter);
	if (exporter == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for traces");
	write_head(exporter, config);
	exporter->url = strdup(config->url);
	exporter->spans = queue_new(config->queue == 0 ? QUEUE_SPANS : config->queue);
	exporter->sent = metrics_add(config->metrics, METRIC_COUNTER, "safelight_trace_spans_sent_total",
	                             "Spans that the collector took.", NULL);
	exporter->dropped = metrics_add(config->metrics, METRIC_COUNTER, "safelight_trace_spans_dropped_total",
	                                "Spans that the queue or the collector did not take.", NULL);
	const struct http_client_config client = { .connections = 1, .user_agent = "safelight" };
	enum rc rc = exporter->url == NULL || exporter->spans == NULL || !buffer_ok(&exporter->head)
	                     ? err_set(err, RC_NO_MEMORY, "no memory for traces")
	                     : http_client_new(&client, &exporter->client, err);
	if (rc == RC_OK) {
		int failure = pthread_create(&exporter->thread, NULL, export_spans, exporter);
		exporter->has_thread = failure == 0;
		if (failure != 0)
			rc = err_set(err, RC_UNAVAILABLE, "cannot start the traces' thread: %s", strerror(failure));
	}
	if (rc != RC_OK) {
		trace_exporter_free(exporter);
		return rc;
	}
	(void)pthread_setname_np(exporter->thread, "traces");
	*ret_exporter = exporter;
	return RC_OK;
}

void trace_exporter_free(struct trace_exporter *exporter)
{
	void *span = NULL;
	if (exporter == NULL)
		return;
	atomic_store(&exporter->stopping, true);
	if (exporter->spans != NULL)
		queue_close(exporter->spans);
	if (exporter->has_thread)
		(void)pthread_join(exporter->thread, NULL);
	while (exporter->spans != NULL && queue_pop(exporter->spans, &span, 0) == RC_OK)
		free(span);
	queue_free(exporter->spans);
	http_client_free(exporter->client);
	buffer_done(&exporter->head);
	free(exporter->url);
	free(exporter);
}
