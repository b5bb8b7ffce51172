// What every part of ingest shares: connections, the settings that may change live, and the threads behind the scenes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/idempotency.h"
#include "catalog/catalog.h"
#include "http/access_token.h"

struct bus;
struct cache;
struct db_pipeline;
struct db_pool;
struct http_client;
struct http_request;
struct http_server;
struct invalidator;
struct metric;
struct metrics;
struct preset_set;
struct rate_limit;
struct rate_share;
struct reconciler;
struct relay;
struct session_guard;
struct settings;
struct sns;
struct store;
struct tus;
struct trace_exporter;
struct work_pool;

// Settings that SIGHUP changes while requests and sweeps are under way; each is read once where it counts.
struct ingest_live {
	_Atomic int64_t account_calls;
	_Atomic int64_t address_calls;
	_Atomic int64_t max_upload_bytes;
	_Atomic int64_t max_image_bytes;
	_Atomic int64_t presign_seconds;
	_Atomic int64_t multipart_bytes;
	_Atomic int64_t part_bytes;
	_Atomic int64_t multipart_seconds;
	_Atomic int64_t expiry_grace_seconds;
	_Atomic int64_t reconcile_ms;
	_Atomic int64_t overdue_ms;
	_Atomic int64_t orphan_grace_seconds;
};

// Counters of what becomes of uploads.
struct ingest_counters {
	struct metric *begun;
	struct metric *repeated;
	struct metric *duplicates;
	struct metric *completed;
	struct metric *rejected;
	struct metric *aborted;
	struct metric *expired;
	struct metric *by_client; // ended by complete, by the store's event, by the reconciler
	struct metric *by_event;
	struct metric *by_sweep;
};

// Made at start; members but live and put_if_absent are read-only afterwards, and each is safe for any thread.
struct ingest {
	const struct settings *settings;
	struct preset_set *presets;
	struct ingest_live live;
	struct metrics *metrics;
	struct ingest_counters counters;
	struct db_pool *pool;         // transactions
	struct db_pipeline *pipeline; // single statements
	struct catalog catalog;       // over both
	struct access_token_keys *tokens;
	struct access_token_gate gate; // of the server, with tokens and guard
	struct session_guard *guard;   // of sessions that have ended
	struct idempotency_store idempotency;
	struct rate_limit *limits;     // of calls, by account and address
	struct cache *cache;           // what instances share in Redis; NULL: none is configured
	struct rate_share *rate_share; // of limits
	struct store *store;           // with ingest's own credentials: checks, lists, removes
	struct store *presigner;       // with those that may only put; signs, never calls
	struct bus *bus;
	struct invalidator *invalidator; // of CloudFront's copies; NULL: none configured
	struct http_client *client;      // for purges at the edges
	struct work_pool *settlers; // requests that wait for the store, so that a store that hangs stops nobody else
	struct sns *sns;            // messages of Amazon SNS, checked
	struct tus *tus;            // uploads that stream through us
	struct relay *relay;
	struct reconciler *reconciler;
	struct http_server *server;
	struct trace_exporter *trace; // NULL: nobody wants spans
	// The store refuses a PUT over an object that is there; true until a probe has shown otherwise.
	_Atomic bool put_if_absent;
	_Atomic bool is_stopping; // long work in the background gives up
};

// Memory of a connection: streamed bodies are read by half of it at once, which costs less CPU time than smaller reads
// do (docs/performance.md). Pages count once they are used; a connection that has answered a request has used all.
#define INGEST_CONNECTION_BYTES ((size_t)288 * 1024)

// The context of a request's handler.
struct ingest *ingest_of(const struct http_request *request);

// A call's frame for the catalog: the request's deadline and trace.
struct catalog_call ingest_call_of(const struct http_request *request);

// Hand a request over to a settler: run(argument) answers it; argument is the request, or something in its arena that
// leads to it. 503 at once when too many wait. The handler's last act.
void ingest_run_settler(struct http_request *request, void (*run)(void *argument), void *argument);

// True when the request's deadline has been answered already (or a drain has ended it): then it is let go, and the
// settler just returns.
bool ingest_let_go_if_over(struct http_request *request);

// How long a store call may take that has to end by the deadline: at least 1 ms, at most the configured time-out.
int64_t ingest_store_ms(const struct ingest *ingest, struct deadline deadline);
