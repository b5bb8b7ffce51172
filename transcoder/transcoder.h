// The supervisor: holds the credentials, does all I/O, decodes nothing.
//
//   lanes ──fetcher──▶ inputs ──workers (one decoder child each)──▶ publications ──publishers──▶ store, Postgres, ack
//
// A pool has one fetcher and its workers; publishers are shared. Stages are joined by bounded queues, so the next input
// is at hand when a child falls free, and one job's uploads run beside the decoding of the next.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "catalog/catalog.h"
#include "transcoder/admission.h"
#include "transcoder/task.h"

struct bus;
struct bus_kv_watch;
struct db_pipeline;
struct db_pool;
struct http_server;
struct metrics;
struct pool;
struct preset_set;
struct queue;
struct resizes;
struct settings;
struct store;
struct trace_exporter;

struct transcoder {
	const struct settings *settings;
	struct preset_set *presets;
	struct metrics *metrics;
	struct db_pool *database;
	struct db_pipeline *pipeline;
	struct catalog catalog;
	struct store *store;
	struct bus *bus;
	char worker_name[80]; // "host:pid": who holds a lease, for operators
	char layers[256];     // of the sandbox, as the probe found them
	char codecs[WIRE_DETAIL_SIZE];
	char decoder[4096]; // path of the decoder binary
	struct admission admission;
	struct task_list tasks; // everything claimed and not ended
	struct pool *pools[LIMIT_POOLS];
	size_t pool_count;
	struct queue *publications;
	pthread_t *publishers;
	size_t publisher_count;
	pthread_t keeper; // leases, live settings, heartbeats
	bool has_keeper;
	pthread_t scaler; // adjusts pools that have limits
	bool has_scaler;
	struct bus_kv_watch *watch;
	struct http_server *server;
	struct trace_exporter *trace; // NULL: nobody wants spans
	struct resizes *resizes;      // variants on demand; NULL: not here
	atomic_bool stopping;         // take nothing new
	atomic_bool keeper_stops;     // last of all: leases are beaten while the drain goes on
	atomic_bool live_known;       // the live settings have been read once
	atomic_int_least64_t late_us; // on the monotonic clock: from then on a drain repeats no call; 0: not draining
	atomic_bool abandoning;       // the drain's time is over: children are killed, their jobs given back
};

// How long one database call may take.
#define TRANSCODER_DATABASE_MS 5000

// A call's frame for the catalog, under the task's trace (task may be NULL).
struct catalog_call transcoder_call(const struct task *task);

// True when a drain has no time left for trying again.
bool transcoder_is_late(const struct transcoder *transcoder);
