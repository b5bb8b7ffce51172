// Pools as operators see and turn them: the configuration's settings, the live ones over them (KV bucket `pools`), and
// what the transcoders' heartbeats say (KV bucket `workers`). For safelightctl and the console's API alike.
//
// All calls may block for the bus's time-out, a few times over; any thread. RC_UNAVAILABLE, RC_TIMEOUT: NATS does not
// answer.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct bus;
struct bus_kv_entries;
struct bus_kv_entry;
struct settings;

// A heartbeat comes every 3 s; one that is older than this is of a transcoder that is gone or stuck.
#define BUS_POOLS_LATE_MS 7000

struct bus_pool_range {
	const char *name; // of the setting
	int64_t least;
	int64_t most;
};
// workers, prefetch, nice, …: the settings that are numbers; closed by a NULL name.
extern const struct bus_pool_range BUS_POOL_RANGES[];

// An array of {name, setting{workers, prefetch, nice, paused, …, source, revision, by, at}, workers_wanted,
// workers_running, waiting, done, attempts_failed, jobs_failed, job_ms, busy_ms, taken, transcoders[…]}. The sums leave
// late transcoders out; taken: every one of the others works by the setting; job_ms: the time of all jobs done, claim
// to acknowledgement; busy_ms: what workers spent on decoding. Of each
// transcoder also job_counts, the histogram of its jobs' times, with the buckets' bounds job_bounds_us. The caller
// drops it.
enum rc bus_pools_read(struct bus *bus, const struct settings *settings, json_t **ret_pools,
                       struct err *err) MUST_CHECK;

// One of them. RC_NOT_FOUND: the text names those that there are.
enum rc bus_pool_read(struct bus *bus, const struct settings *settings, const char *name, json_t **ret_pool,
                      struct err *err) MUST_CHECK;

// True of one of them whose transcoders adjust its workers by themselves, between workers_min and workers_max.
bool bus_pool_is_adjusted(const json_t *pool);

// What is kept of a pool's live settings, oldest first. The caller ends it with bus_kv_entries_done.
enum rc bus_pool_history(struct bus *bus, const char *name, struct bus_kv_entries *ret_entries,
                         struct err *err) MUST_CHECK;

// The JSON object of a live setting without who and when; an empty one when there is none or it is broken.
json_t *bus_pool_value(const struct bus_kv_entry *entry);

// Make `value` (taken over) the pool's live setting, signed with who and when, if the latest revision still is
// `revision` (0: there is none). RC_CONFLICT: somebody was faster, nothing was set; RC_UNKNOWN, RC_TIMEOUT: it may have
// been. The name is not checked.
enum rc bus_pool_put(struct bus *bus, const char *name, json_t *value, uint64_t revision, const char *who,
                     struct err *err) MUST_CHECK;

// Change members (taken over) of the pool's live setting over what it has. expected: the revision that it must have
// (0: none yet), else RC_CONFLICT; -1: any. RC_NOT_FOUND: no such pool. RC_INVALID: workers_min would be
// above workers_max.
enum rc bus_pool_change(struct bus *bus, const struct settings *settings, const char *name, json_t *change,
                        int64_t expected, const char *who, struct err *err) MUST_CHECK;

// The pool when every transcoder works by its setting, or within_ms later as it is then.
enum rc bus_pool_await(struct bus *bus, const struct settings *settings, const char *name, int64_t within_ms,
                       json_t **ret_pool, struct err *err) MUST_CHECK;
