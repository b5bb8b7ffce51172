// One bucket against the rows that name its objects: what is missing, and what nobody knows.
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "db/statement.h"

struct db_pool;
struct progress;
struct store;

// Which bucket, and which rows name its objects.
struct reconcile_scan {
	const char *bucket;
	// $1, $2: the media id and key after which to go on; $3: how many. Columns: media id, key, whether the object
	// must be there. Ordered by the id, then by the key's bytes, which is the order of the bucket's listing.
	const struct db_statement *keys;
	// $1, $2: media id and key. A row when the object must (still) be there.
	const struct db_statement *look_again;
	int64_t grace_us; // an object without a row that is younger may be on its way
};

extern const struct db_statement reconcile_originals_keys, reconcile_originals_again;
extern const struct db_statement reconcile_variants_keys, reconcile_variants_again;

// Read both to their ends, side by side. Nothing is changed. *ret_document: {bucket, rows, objects, missing,
// missing_keys, orphans, orphan_bytes, orphan_keys, young}, the lists cut after 20; the caller drops it. "missing" was
// looked at twice, so what is deleted meanwhile is not counted. progress is shown of rows and objects.
enum rc reconcile_bucket(struct db_pool *database, struct store *store, const struct reconcile_scan *scan,
                         struct progress *progress, json_t **ret_document, struct err *err) MUST_CHECK;
