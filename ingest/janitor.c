// What was deleted in the database disappears outside of it: objects first, then their copies at the edges (the other
// way round an edge could fetch again what is about to go).
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/settings.h"
#include "catalog/sweep.h"
#include "ingest/edge_purge.h"
#include "ingest/ingest.h"
#include "ingest/invalidate.h"
#include "ingest/sweep.h"
#include "store/store.h"

#define BATCH 200
#define ROUNDS_MAX 20
#define LEASE_MS 60000
// Tombstones are kept so long, for clients that were away and ask what was deleted.
#define KEEP_ROWS_MS (30 * INT64_C(86400000))
#define ROWS 1000

// The claimed deletions of one kind, side by side for calls that take many.
struct batch {
	size_t count;
	int64_t ids[BATCH];
	const char *targets[BATCH];
};

static void collect(const struct db_result *result, enum deletion_kind kind, struct batch *ret_batch)
{
	ret_batch->count = 0;
	for (size_t row = 0; row < db_result_rows(result) && ret_batch->count < BATCH; row++) {
		struct deletion_row deletion;
		catalog_deletion_read(result, row, &deletion);
		if (deletion.kind != kind)
			continue;
		ret_batch->ids[ret_batch->count] = deletion.id;
		ret_batch->targets[ret_batch->count++] = deletion.target;
	}
}

static enum rc retry_later(struct sweep *sweep, int64_t id, const char *error, struct err *err)
{
	const struct catalog_call call = sweep_call();
	sweep_add(sweep, SWEEP_removals_failed, 1);
	return catalog_deletion_retry(&sweep->ingest->catalog, &call, id, error, err);
}

// Each key for itself: the batch keeps those that are gone. The store's being away is returned; the leases of what was
// not done run out by themselves.
static enum rc remove_singly(struct sweep *sweep, const char *bucket, struct batch *batch, struct err *err)
{
	size_t gone = 0;
	enum rc rc = RC_OK;
	for (size_t i = 0; i < batch->count && rc == RC_OK && !sweep->is_stopping; i++) {
		const struct store_target target = { .bucket = bucket,
			                             .key = batch->targets[i],
			                             .timeout_ms = SWEEP_CALL_MS };
		struct err one = { 0 };
		enum rc removed = store_delete(sweep->ingest->store, &target, &one);
		if (removed == RC_OK) {
			batch->ids[gone] = batch->ids[i];
			batch->targets[gone++] = batch->targets[i];
		} else if (rc_is_transient(removed) || removed == RC_UNKNOWN) {
			rc = err_set(err, removed, "store: %s", one.text);
		} else {
			rc = retry_later(sweep, batch->ids[i], one.text, err);
		}
	}
	batch->count = gone;
	return rc;
}

static enum rc remove_objects(struct sweep *sweep, const char *bucket, struct batch *batch, struct err *err)
{
	if (batch->count == 0 || store_delete_many(sweep->ingest->store, bucket, batch->targets, batch->count,
	                                           SWEEP_CALL_MS, NULL, NULL) == RC_OK)
		return RC_OK;
	return remove_singly(sweep, bucket, batch, err);
}

static enum rc report_done(struct sweep *sweep, const struct batch *batch, struct err *err)
{
	const struct catalog_call call = sweep_call();
	if (batch->count == 0)
		return RC_OK;
	enum rc rc = catalog_deletion_done(&sweep->ingest->catalog, &call, batch->ids, batch->count, err);
	if (rc == RC_OK)
		sweep_add(sweep, SWEEP_objects_removed, (int64_t)batch->count);
	return rc;
}

// An edge that is away must not keep its neighbours' work from being done: each row waits for its own next time.
static enum rc purge_edges(struct sweep *sweep, struct batch *batch, struct err *err)
{
	struct err one = { 0 };
	enum rc rc = RC_OK;
	if (edge_purge(sweep->ingest, batch->targets, batch->count, deadline_after_ms(SWEEP_CALL_MS), &one) == RC_OK &&
	    invalidate_keys(sweep->ingest->invalidator, batch->targets, batch->count, deadline_after_ms(SWEEP_CALL_MS),
	                    &one) == RC_OK)
		return RC_OK;
	LOG_FAILURE(LOG_WARNING, "purge_failed", &one, LOG_INT("keys", batch->count));
	for (size_t i = 0; i < batch->count && rc == RC_OK; i++)
		rc = retry_later(sweep, batch->ids[i], one.text, err);
	batch->count = 0;
	return rc;
}

static enum rc clear_originals(struct sweep *sweep, const struct db_result *result, struct batch *batch,
                               struct err *err)
{
	collect(result, DELETION_ORIGINAL, batch);
	enum rc rc = remove_objects(sweep, sweep->ingest->settings->store_originals_bucket, batch, err);
	// What is gone is reported even when the store fell silent half-way.
	enum rc reported = report_done(sweep, batch, rc == RC_OK ? err : NULL);
	return rc == RC_OK ? reported : rc;
}

static enum rc clear_variants(struct sweep *sweep, const struct db_result *result, struct batch *batch, struct err *err)
{
	collect(result, DELETION_VARIANT, batch);
	enum rc rc = remove_objects(sweep, sweep->ingest->settings->store_media_bucket, batch, err), done = RC_OK;
	if (batch->count > 0)
		done = purge_edges(sweep, batch, rc == RC_OK ? err : NULL);
	if (done == RC_OK)
		done = report_done(sweep, batch, rc == RC_OK ? err : NULL);
	return rc == RC_OK ? done : rc;
}

// What lies in the media bucket below a path prefix of the edge though no row names it (a worker was just publishing
// when the media was deleted): it goes on the list under its own name.
static enum rc list_leftovers(struct sweep *sweep, const struct deletion_row *deletion, struct err *err)
{
	static const char EDGE_PATH[] = "/m/";
	const char *prefix = deletion->target;
	struct store_page page = { 0 };
	if (strncmp(prefix, EDGE_PATH, sizeof EDGE_PATH - 1) == 0)
		prefix += sizeof EDGE_PATH - 1;
	const struct store_list_options options = { .prefix = prefix, .timeout_ms = SWEEP_CALL_MS };
	enum rc rc =
	        store_list(sweep->ingest->store, sweep->ingest->settings->store_media_bucket, &options, &page, err);
	for (size_t i = 0; rc == RC_OK && i < page.count; i++) {
		const struct catalog_call call = sweep_call();
		rc = catalog_deletion_add(&sweep->ingest->catalog, &call, DELETION_VARIANT, &deletion->media_id,
		                          page.entries[i].key, 0, err);
	}
	store_page_done(&page);
	return rc;
}

// Edges drop copies by the key of each object, so a prefix is done once all below it is on the list by its key.
static enum rc clear_prefixes(struct sweep *sweep, const struct db_result *result, struct batch *batch, struct err *err)
{
	enum rc rc = RC_OK;
	batch->count = 0;
	for (size_t row = 0; row < db_result_rows(result) && rc == RC_OK && !sweep->is_stopping; row++) {
		struct deletion_row deletion;
		catalog_deletion_read(result, row, &deletion);
		if (deletion.kind != DELETION_PURGE)
			continue;
		rc = list_leftovers(sweep, &deletion, err);
		if (rc == RC_OK)
			batch->ids[batch->count++] = deletion.id;
	}
	enum rc reported = report_done(sweep, batch, rc == RC_OK ? err : NULL);
	return rc == RC_OK ? reported : rc;
}

static enum rc clear_claimed(struct sweep *sweep, const struct db_result *result, struct err *err)
{
	struct batch *batch = malloc(sizeof *batch);
	if (batch == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for deletions");
	enum rc rc = clear_originals(sweep, result, batch, err);
	if (rc == RC_OK)
		rc = clear_variants(sweep, result, batch, err);
	if (rc == RC_OK)
		rc = clear_prefixes(sweep, result, batch, err);
	free(batch);
	return rc;
}

enum rc sweep_deletions(struct sweep *sweep, struct err *err)
{
	enum rc rc = RC_OK;
	size_t rows = BATCH;
	for (unsigned round = 0; round < ROUNDS_MAX && rc == RC_OK && rows == BATCH && !sweep->is_stopping; round++) {
		struct db_result *result = NULL;
		const struct catalog_call call = sweep_call();
		rc = catalog_deletion_claim(&sweep->ingest->catalog, &call, BATCH, LEASE_MS, &result, err);
		if (rc == RC_OK) {
			rows = db_result_rows(result);
			rc = clear_claimed(sweep, result, err);
		}
		db_result_free(result);
	}
	return rc;
}

enum rc sweep_rows(struct sweep *sweep, struct err *err)
{
	int64_t count = ROWS;
	for (unsigned round = 0; round < ROUNDS_MAX && count == ROWS && !sweep->is_stopping; round++) {
		const struct catalog_call call = sweep_call();
		enum rc rc = catalog_sweep_rows(&sweep->ingest->catalog, &call, KEEP_ROWS_MS, ROWS, &count, err);
		if (rc != RC_OK)
			return rc;
		sweep_add(sweep, SWEEP_rows_dropped, count);
	}
	return RC_OK;
}
