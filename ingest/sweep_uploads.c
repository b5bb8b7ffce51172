// Open uploads: bytes that came although nobody said so, and bytes that never came.
#include "base/log.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "catalog/sweep.h"
#include "catalog/upload.h"
#include "ingest/ingest.h"
#include "ingest/settle.h"
#include "ingest/sweep.h"
#include "store/store_multipart.h"

#define BATCH 128
// What any store gives at least.
#define HASH_BYTES_PER_MS 20000

// The parts that came go too. The bucket's lifecycle stands behind this.
static enum rc expire(struct sweep *sweep, const struct upload_row *upload, struct err *err)
{
	struct ingest *ingest = sweep->ingest;
	struct upload_ended ended = { 0 };
	struct catalog_call call = sweep_call();
	const struct store_target target = { .bucket = ingest->settings->store_originals_bucket,
		                             .key = upload->object_key,
		                             .timeout_ms = ingest_store_ms(ingest, call.deadline) };
	enum rc rc = RC_OK;
	if (upload->multipart_id != NULL)
		rc = store_upload_abort(ingest->store, &target, upload->multipart_id, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "store");
	call = sweep_call();
	rc = catalog_upload_expire(&ingest->catalog, &call, &upload->id, &ended, err);
	if (rc == RC_CONFLICT) // ended otherwise a moment ago
		return RC_OK;
	if (rc == RC_OK && ended.changed) {
		char id[UUID_TEXT_SIZE];
		uuid_format(&upload->media_id, id);
		LOG_EVENT(LOG_INFO, "upload_expired", LOG_TEXT("media_id", id), LOG_INT("bytes", upload->size));
		metric_add(ingest->counters.expired, 1);
		sweep_add(sweep, SWEEP_uploads_expired, 1);
	}
	return rc;
}

// With is_last_look an upload without bytes expires. A store that does not answer expires nothing.
static enum rc look(struct sweep *sweep, const struct upload_row *upload, bool is_last_look, struct err *err)
{
	struct settled settled;
	struct catalog_call call = sweep_call();
	if (upload->sha256 != NULL) // it may have to be hashed, which no stop has to wait for
		call.deadline = deadline_after_ms(SWEEP_CALL_MS + upload->size / HASH_BYTES_PER_MS);
	enum rc rc = settle_upload(sweep->ingest, &call, upload, SETTLE_BY_SWEEP, &settled, err);
	if (rc != RC_OK)
		return rc;
	if (settled.outcome == SETTLE_ENDED)
		sweep_add(sweep, SWEEP_uploads_settled, settled.changed);
	else if (is_last_look)
		rc = expire(sweep, upload, err);
	return rc;
}

// All rows are looked at; the first failure is returned, and one that will meet the next row too ends the round.
static enum rc look_at_all(struct sweep *sweep, const struct db_result *result, bool is_last_look, struct err *err)
{
	enum rc first = RC_OK;
	for (size_t row = 0; row < db_result_rows(result) && !sweep->is_stopping; row++) {
		struct upload_row upload;
		struct err one = { 0 };
		catalog_upload_read(result, row, &upload);
		enum rc rc = look(sweep, &upload, is_last_look, &one);
		if (rc != RC_OK && first == RC_OK)
			first = err_set(err, rc, "%s", one.text);
		if (rc_is_transient(rc))
			break;
	}
	return first;
}

static enum rc take_due(struct sweep *sweep, struct db_result **ret_result, struct err *err)
{
	const struct catalog_call call = sweep_call();
	return catalog_sweep_uploads(&sweep->ingest->catalog, &call, sweep->ingest->live.overdue_ms, BATCH, ret_result,
	                             err);
}

static enum rc take_expired(struct sweep *sweep, struct db_result **ret_result, struct err *err)
{
	const struct catalog_call call = sweep_call();
	return catalog_sweep_expired(&sweep->ingest->catalog, &call, sweep->ingest->live.expiry_grace_seconds * 1000,
	                             BATCH, ret_result, err);
}

// Batch after batch, until none is left or other sweeps have waited long enough.
static enum rc sweep_batches(struct sweep *sweep,
                             enum rc (*take)(struct sweep *sweep, struct db_result **ret_result, struct err *err),
                             bool is_last_look, struct err *err)
{
	struct deadline deadline = deadline_after_ms(SWEEP_CALL_MS);
	enum rc rc = RC_OK;
	for (size_t rows = BATCH; rc == RC_OK && rows == BATCH && !deadline_passed(deadline) && !sweep->is_stopping;) {
		struct db_result *result = NULL;
		rc = take(sweep, &result, err);
		if (rc == RC_OK) {
			rows = db_result_rows(result);
			rc = look_at_all(sweep, result, is_last_look, err);
		}
		db_result_free(result);
	}
	return rc;
}

enum rc sweep_uploads(struct sweep *sweep, struct err *err)
{
	return sweep_batches(sweep, take_due, false, err);
}

enum rc sweep_expired(struct sweep *sweep, struct err *err)
{
	return sweep_batches(sweep, take_expired, true, err);
}
