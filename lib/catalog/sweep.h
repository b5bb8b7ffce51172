// What the reconciler and the janitor look for. Any number of processes may sweep at once: each row is taken by one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "db/result.h"

struct sweep_rung {
	size_t rung;   // messages written again
	size_t failed; // jobs ended because their attempts were used up
};

// Ring again for jobs that are queued (their pause over) or whose lease ran out, when the last ring is overdue_ms or
// more ago; each further ring of one job waits twice as long, up to 64 times overdue_ms, so a paused pool is not
// flooded.
enum rc catalog_sweep_jobs(const struct catalog *catalog, const struct catalog_call *call, int64_t overdue_ms,
                           size_t limit, struct sweep_rung *ret_rung, struct err *err) MUST_CHECK;

// Open uploads whose check is due, as upload_row (catalog_upload_read): look in the store whether the bytes came. The
// next check is overdue_ms, or a quarter of the upload's age, later.
enum rc catalog_sweep_uploads(const struct catalog *catalog, const struct catalog_call *call, int64_t overdue_ms,
                              size_t limit, struct db_result **ret_result, struct err *err) MUST_CHECK;

// Open uploads that expired grace_ms ago or earlier: candidates for a last look, then catalog_upload_expire.
enum rc catalog_sweep_expired(const struct catalog *catalog, const struct catalog_call *call, int64_t grace_ms,
                              size_t limit, struct db_result **ret_result, struct err *err) MUST_CHECK;

enum deletion_kind {
	DELETION_ORIGINAL, // target is a key of the originals bucket
	DELETION_VARIANT,  // target is a key of the media bucket; its edge copies under /m/<key> go too
	DELETION_PURGE,    // target is a path prefix at the edge
};

struct deletion_row {
	int64_t id;
	enum deletion_kind kind;
	const char *target;
	struct uuid media_id;
	unsigned attempts; // this one included
};

// Take up to limit due deletions for lease_ms: when not reported done by then, they are due again.
enum rc catalog_deletion_claim(const struct catalog *catalog, const struct catalog_call *call, size_t limit,
                               int64_t lease_ms, struct db_result **ret_result, struct err *err) MUST_CHECK;
void catalog_deletion_read(const struct db_result *result, size_t row, struct deletion_row *ret_deletion);

// It is gone: drop the rows.
enum rc catalog_deletion_done(const struct catalog *catalog, const struct catalog_call *call, const int64_t *ids,
                              size_t count, struct err *err) MUST_CHECK;

// It could not be removed: try again after a pause that doubles with each attempt (1 s to 1 h).
enum rc catalog_deletion_retry(const struct catalog *catalog, const struct catalog_call *call, int64_t id,
                               const char *error, struct err *err) MUST_CHECK;

// Put one more thing on the list (an orphan that a listing found, objects of a lost job), due after delay_ms.
enum rc catalog_deletion_add(const struct catalog *catalog, const struct catalog_call *call, enum deletion_kind kind,
                             const struct uuid *media_id, const char *target, int64_t delay_ms,
                             struct err *err) MUST_CHECK;

// Drop rows of expired and deleted media keep_ms after their end (once nothing of theirs is left to delete), and
// idempotency keys that have expired.
enum rc catalog_sweep_rows(const struct catalog *catalog, const struct catalog_call *call, int64_t keep_ms,
                           size_t limit, int64_t *ret_count, struct err *err) MUST_CHECK;
