// One look at each part of the system, for status and doctor. Each answers with a JSON object that has "name", "ok"
// and, when not ok, "detail"; never fails, and takes no longer than its own deadline. The caller drops it.
#pragma once

#include <jansson.h>

struct bus_health;
struct call;
struct http_client;

// Longest wait for one service's answer, in milliseconds.
#define PROBE_HTTP_MS 5000
// A message that waits longer in the outbox, a clock that is further off, acknowledged work that takes longer: not ok.
#define PROBE_LAG_MS 30000
#define PROBE_SKEW_MS 60000
#define PROBE_SETTLE_MINUTES 10

// ingest, transcoder, api by /readyz at their listen addresses: {"name", "ok", "url", "milliseconds", "checks"}.
json_t *probe_service(struct http_client *http, const char *name, const char *listen);
// The same by /healthz.
json_t *probe_edge(struct http_client *http, const char *listen);

// Version, connections, oldest transaction, size, clock: {"name":"database", "ok", "version", …}; and outbox, jobs,
// media, dead letters, what was acknowledged and is not settled, as "work" (absent when the database is down).
json_t *probe_database(const struct call *call);

// The objectives' error budgets since the services' start: {"errors": {"events", "bad", "allowed_share",
// "used_percent"}, "slow_reads": …, "slow_ready": …}. A service that does not answer counts for nothing.
json_t *probe_budget(const struct call *call, struct http_client *http);

// Connection, streams, consumers' backlog: {"name":"bus", "ok", "streams", "consumers", "backlog", …}.
json_t *probe_bus(const struct call *call);

// Both buckets answer the owner's key: {"name":"store", "ok", "milliseconds", "clock_skew_ms"}.
json_t *probe_store(const struct call *call);
