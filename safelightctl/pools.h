// Pools as operators see them: the configuration's settings, the live ones over them (KV bucket `pools`), and what the
// transcoders' heartbeats say (KV bucket `workers`).
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct bus;
struct bus_kv_entries;
struct bus_kv_entry;
struct call;

// A heartbeat comes every 3 s; one that is older than this is of a transcoder that is gone or stuck.
#define POOLS_LATE_MS 7000

struct pool_range {
	const char *name; // of the setting
	int64_t least;
	int64_t most;
};
// workers, prefetch, nice; closed by a NULL name.
extern const struct pool_range POOL_RANGES[];

// An array of {name, setting{workers, prefetch, nice, paused, source, revision, by, at}, workers_wanted,
// workers_running, waiting, done, attempts_failed, jobs_failed, taken, transcoders[…]}. The sums leave late transcoders
// out; taken: every one of the others works by the setting. The caller drops it. RC_UNAVAILABLE, RC_TIMEOUT.
enum rc pools_read(const struct call *call, struct bus *bus, json_t **ret_pools, struct err *err) MUST_CHECK;

// One of them. RC_NOT_FOUND: the text names those that there are.
enum rc pools_read_one(const struct call *call, struct bus *bus, const char *name, json_t **ret_pool,
                       struct err *err) MUST_CHECK;

// What is kept of a pool's live settings, oldest first. The caller ends it with bus_kv_entries_done.
enum rc pools_read_history(struct bus *bus, const char *name, struct bus_kv_entries *ret_entries,
                           struct err *err) MUST_CHECK;

// RC_NOT_FOUND when there is no pool of that name.
enum rc pools_check_name(const struct call *call, struct bus *bus, const char *name, struct err *err) MUST_CHECK;

// Make `value` the pool's live setting, signed with who and when, if the latest revision still is `revision`; then wait
// up to two seconds until the transcoders have taken it, and print. Takes value over. RC_CONFLICT: somebody was faster.
enum rc pools_put(const struct call *call, struct bus *bus, const char *name, json_t *value, uint64_t revision,
                  struct err *err) MUST_CHECK;

// The JSON object of a live setting without who and when; an empty one when there is none or it is broken.
json_t *pools_value(const struct bus_kv_entry *entry);

// One pool on one line, with a head line before the first.
void pools_print_head(void);
void pools_print_line(const json_t *pool);
