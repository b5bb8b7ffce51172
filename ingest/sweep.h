// What the reconciler does in a pass: one function for each thing that may have been left behind. Each is safe in any
// number of processes at once, may stop half-way, and goes on in the next pass.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "catalog/catalog.h"

struct ingest;
struct metric;

// Deadline of one call of a dependency within a sweep: short, so that a stop does not wait long.
#define SWEEP_CALL_MS 5000

// What passes count: field, and the help of its metric safelight_sweep_<field>_total.
#define SWEEP_COUNTS(X)                                                                                       \
	X(jobs_rung, "Jobs that nobody had begun in time: rung for again.")                                   \
	X(jobs_failed, "Jobs ended because their attempts were used up.")                                     \
	X(uploads_settled, "Uploads whose bytes were found without anybody telling.")                         \
	X(uploads_expired, "Uploads whose bytes never came.")                                                 \
	X(objects_removed, "Entries of the deletions list that are done: objects and their copies at edges.") \
	X(removals_failed, "Removals that have to be tried again.")                                           \
	X(orphans_found, "Objects without a row, older than the grace time.")                                 \
	X(strangers_found, "Objects with keys that are not ours; they are left alone.")                       \
	X(uploads_aborted, "Multipart uploads that nobody finished.")                                         \
	X(rows_dropped, "Rows of expired and deleted media, and old idempotency keys.")                       \
	X(events_resent, "Events sent again since the bus had lost some.")                                    \
	X(pool_settings_restored, "Pools whose live settings were put back since the bus had lost them.")

enum sweep_count {
#define SWEEP_COUNT(field, help) SWEEP_##field,
	SWEEP_COUNTS(SWEEP_COUNT)
#undef SWEEP_COUNT
	        SWEEP_COUNT_COUNT
};

struct sweep {
	struct ingest *ingest;
	atomic_bool is_stopping;
	int64_t counts[SWEEP_COUNT_COUNT]; // of the present pass
	struct metric *metrics[SWEEP_COUNT_COUNT];
	struct metric *clock_skew;
	// Where the listing of each bucket goes on: behind this key; "" at the beginning.
	char originals_after[1025];
	char media_after[1025];
	char parts_after[4096]; // the listing's continuation
	bool is_probed;         // what the store can do is known
	bool has_streams;       // the bus has what it needs
	bool was_events_empty;  // at the last look
	bool has_lost;          // events were lost and are still to be sent again
};

// Count within the present pass.
void sweep_add(struct sweep *sweep, enum sweep_count count, int64_t amount);

// A call's frame, SWEEP_CALL_MS from now.
struct catalog_call sweep_call(void);

typedef enum rc sweep_function(struct sweep *sweep, struct err *err);

sweep_function sweep_store;     // sweep_store.c: what the store can do, and whether its clock agrees
sweep_function sweep_streams;   // sweep_events.c: the bus's streams exist
sweep_function sweep_events;    // sweep_events.c: events that the bus has lost
sweep_function sweep_pools;     // sweep_pools.c: pools' live settings that the bus has lost
sweep_function sweep_jobs;      // sweep_jobs.c: overdue jobs
sweep_function sweep_uploads;   // sweep_uploads.c: bytes that came without a word
sweep_function sweep_expired;   // sweep_uploads.c: bytes that never came
sweep_function sweep_deletions; // janitor.c: objects and edge copies of what was deleted
sweep_function sweep_rows;      // janitor.c: rows that nobody needs any more
sweep_function sweep_orphans;   // sweep_orphans.c: objects without a row, a page of each bucket
sweep_function sweep_parts;     // sweep_parts.c: multipart uploads left behind
