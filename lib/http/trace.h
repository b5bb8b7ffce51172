// Traces: spans are handed to an exporter, which sends them in batches as OTLP/HTTP JSON to a collector.
//
// A span belongs to the trace that its W3C traceparent names; calls, messages and jobs carry that header on, so one
// upload is one trace from the phone's call to the published variants. Recording never waits: what the queue cannot
// take, and what the collector does not take after its retries, is dropped and counted. Spans without the sampled flag
// are not exported. Sources: W3C Trace Context; OpenTelemetry Protocol 1.x, JSON encoding (ids in hex, times as text).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TRACE_PARENT_SIZE 56 // "00-<32 hex>-<16 hex>-<2 hex>" and NUL
#define TRACE_ATTRIBUTES 8

struct metrics;
struct settings;
struct trace_exporter;

struct trace_config {
	const char *url;     // "http://127.0.0.1:4318/v1/traces"
	const char *service; // service.name: "safelight-ingest"
	const char *version; // service.version
	size_t queue;        // spans that may wait; 0: 4096
	struct metrics *metrics;
};

// The values of OTLP's Span.SpanKind.
enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER = 2, TRACE_CLIENT = 3, TRACE_PRODUCER = 4, TRACE_CONSUMER = 5 };

struct trace_attribute {
	const char *key;  // of OpenTelemetry's semantic conventions where there is one
	const char *text; // NULL: the number
	int64_t number;
};

struct trace_span {
	const char *name;        // from a closed set ("GET /v1/items", "job fast"): never ids
	const char *traceparent; // of this span
	const char *parent;      // traceparent of the parent; NULL or "": a root
	enum trace_kind kind;
	int64_t started_us; // since the epoch
	int64_t ended_us;
	bool failed;
	const char *failure;                                 // why; NULL: nothing to say
	struct trace_attribute attributes[TRACE_ATTRIBUTES]; // up to the first without a key
};

// Starts the sending thread. Contacts nobody. RC_INVALID: a url that is no http(s) URL.
enum rc trace_exporter_new(const struct trace_config *config, struct trace_exporter **ret_exporter,
                           struct err *err) MUST_CHECK;
// The exporter that [trace] otlp_url asks for; *ret_exporter is NULL, and RC_OK, when it asks for none.
enum rc trace_exporter_configured(const struct settings *settings, const char *service, struct metrics *metrics,
                                  struct trace_exporter **ret_exporter, struct err *err) MUST_CHECK;

// Sends what waits, for at most two seconds; then drops it. Accepts NULL.
void trace_exporter_free(struct trace_exporter *exporter);

// Copies the span. NULL exporter: nothing. Any thread, never blocks for long.
void trace_record(struct trace_exporter *exporter, const struct trace_span *span);

// A new span in the trace of parent (NULL, "" or no traceparent: in a new, sampled trace).
void trace_new_span(const char *parent, char ret_traceparent[TRACE_PARENT_SIZE]);
