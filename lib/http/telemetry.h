// Metrics and the access log of the server; for lib/http alone.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "http/route.h"

struct http_request;
struct http_telemetry;
struct metrics;
struct work_pool;

// Resolves every counter once. metrics may be NULL. NULL without memory.
struct http_telemetry *telemetry_new(struct metrics *metrics, const struct route *const *routes, size_t count);
void telemetry_free(struct http_telemetry *telemetry);

void telemetry_count_connection(struct http_telemetry *telemetry, int64_t change);
void telemetry_count_feed(struct http_telemetry *telemetry, int64_t change);
void telemetry_begin(struct http_telemetry *telemetry);

// The request is over: with the status that the client got, 0 when it had gone before. Counts, and logs at info what
// failed or was slow, at debug the rest.
void telemetry_end(struct http_telemetry *telemetry, const struct http_request *request, unsigned status);

// Bring the gauges up to date, before they are shown.
void telemetry_refresh(struct http_telemetry *telemetry, struct work_pool *workers);
