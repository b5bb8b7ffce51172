// How fast pools work, from the difference between two looks: counters of the heartbeats (every 3 s), or, when a
// single transcoder runs and its /metrics answers, fresh ones and the latency of the jobs in between.
#pragma once

#include <jansson.h>

struct rates; // opaque; one a run of top

// NULL without memory.
struct rates *rates_new(void);
// Accepts NULL.
void rates_free(struct rates *rates);

// Add to each of `pools` (pools_read) "done_per_second", "failed_per_second" and "p95_seconds", each null while it is
// not known. metrics: text of the transcoder's /metrics; NULL: none.
void rates_add(struct rates *rates, json_t *pools, const char *metrics);
