// A pool: its settings as they are now, its fetcher, its workers, its figures.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"
#include "media/event.h"

struct metric;
struct queue;
struct task;
struct transcoder;

#define POOL_WORKERS_MAX 256

// What an operator may turn while the pool runs (KV bucket `pools`, key = the pool's name).
struct pool_live {
#define POOL_SETTING(key, kind, initial, least, most, unit, text) SETTING_TYPE_##kind key;
#include "base/settings.def"
#undef POOL_SETTING
};

struct pool_metrics {
	struct metric *done;
	struct metric *failed; // attempts that failed
	struct metric *ended;  // jobs that failed for good
	struct metric *lost;   // leases that ran out under us
	struct metric *fetch_seconds;
	struct metric *decode_seconds;
	struct metric *preview_seconds; // claim to published preview
	struct metric *total_seconds;   // claim to acknowledgement
	struct metric *ready_seconds;   // completed upload to ready
	struct metric *workers_wanted;
	struct metric *workers_running;
	struct metric *children_started;
	struct metric *children_killed;
	struct metric *sandbox_kills;
	struct metric *scaled_up; // changes of the number of workers by ourselves
	struct metric *scaled_down;
	struct metric *waiting; // inputs fetched, not yet being decoded
};

// One worker thread's place.
struct worker {
	struct pool *pool;
	size_t index;
	pthread_t thread;
	bool started;         // the keeper's until the pool is joined
	atomic_bool ended;    // the thread is about to return: it may be joined
	atomic_int child_pid; // of the child at work, for the end of a drain; 0: none
};

struct pool {
	struct transcoder *transcoder;
	char name[EVENT_POOL_SIZE];
	pthread_mutex_t lock;    // of live
	pthread_mutex_t threads; // held by pool_adjust at work
	struct pool_live live;
	struct queue *inputs; // struct task *, fetched and waiting for a worker
	pthread_t fetcher;
	bool has_fetcher;
	struct worker workers[POOL_WORKERS_MAX];
	atomic_size_t running;
	atomic_size_t busy;          // workers that have a job in hand
	atomic_int_least64_t scaled; // workers that the scaler wants; 0: it has not said yet
	atomic_uint deaths;          // of children, in a row without a job done between
	struct pool_metrics metrics;
};

// A pool from its configuration; starts nothing. Freed with pool_free, after pool_join.
enum rc pool_new(struct transcoder *transcoder, const struct pool_settings *settings, struct pool **ret_pool,
                 struct err *err) MUST_CHECK;
void pool_free(struct pool *pool);

// Start the fetcher (the pool of resizes has none: its tasks are asked for); workers are started by pool_adjust.
enum rc pool_start(struct pool *pool, struct err *err) MUST_CHECK;

// As the configuration says.
struct pool_live pool_configured_live(const struct pool_settings *settings);

struct pool_live pool_read_live(struct pool *pool);
void pool_set_live(struct pool *pool, const struct pool_live *live);

// True when the transcoder may adjust the workers by itself, between workers_min and workers_max.
bool pool_is_adjusted(const struct pool_live *live);

// How many workers there should be now: the setting, or what the scaler has made of it.
int64_t pool_workers(struct pool *pool);

// The scaler's word: from now on `to` workers, if it still is `from`. False when an operator was faster.
bool pool_scale(struct pool *pool, int64_t from, int64_t to);

// Start workers that are wanted and not there, join those that have ended. The keeper's thread alone.
void pool_adjust(struct pool *pool);

// Wait for fetcher and workers to end (transcoder->stopping is set).
void pool_join(struct pool *pool);

// True when this worker should end after its job: the pool wants fewer, or everything stops.
bool pool_is_surplus(struct pool *pool, size_t worker_index);

// The deadline of one decoding job in this pool, by its live settings or the transcoder's.
int64_t pool_decode_ms(struct pool *pool);

// Whether a job is in hand (claimed and not ended) of a pool whose children are less nice. Any thread.
bool pool_is_outranked(struct pool *pool);

// A child has died in a job or on its way to one / has done a job. From POOL_DEATHS_MOST deaths in a row on the pool
// backs off: before each further job its workers pause, longer each time.
#define POOL_DEATHS_MOST 3
void pool_count_death(struct pool *pool);
void pool_count_life(struct pool *pool);
bool pool_backs_off(struct pool *pool);
void pool_pause_after_deaths(struct pool *pool);

// The threads' bodies: fetch.c, decode.c.
void *pool_fetch_thread(void *pool);
void *pool_worker_thread(void *worker);
