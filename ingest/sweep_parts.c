// Multipart uploads that nobody will finish: those of uploads that have ended or were never noted, and strangers'.
//
// Each pass takes one page of the bucket's listing. What is older than the grace time and is not an open upload's is
// aborted; open uploads keep theirs however old they are, and end by their own expiry.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "db/array.h"
#include "db/pipeline.h"
#include "ingest/ingest.h"
#include "ingest/sweep.h"
#include "media/object_key.h"
#include "store/store_multipart.h"

#define IDS_BYTES (STORE_LIST_PAGE * (STORE_UPLOAD_ID_SIZE + 4))

// Uploads of a page that are old enough.
struct candidates {
	size_t count;
	struct uuid media_ids[STORE_LIST_PAGE]; // nil: the key is not ours
	const char *ids[STORE_LIST_PAGE];
	const char *keys[STORE_LIST_PAGE];
};

// Places, counted from 1, of those that no open upload has.
static const struct db_statement ABANDONED = {
	.name = "ingest_abandoned_parts",
	.sql = "SELECT k.place FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k(media_id, id, place)"
	       " WHERE NOT EXISTS (SELECT FROM uploads u WHERE u.media_id = k.media_id AND u.multipart_id = k.id"
	       "  AND u.completed_at IS NULL AND u.aborted_at IS NULL)",
	.parameter_count = 2,
	.read_only = true,
};

static void choose(struct sweep *sweep, const struct store_upload_page *page, struct candidates *candidates)
{
	int64_t newest = clock_now_us() - sweep->ingest->live.orphan_grace_seconds * 1000000;
	for (size_t i = 0; i < page->count && candidates->count < STORE_LIST_PAGE; i++) {
		const struct store_upload *upload = &page->uploads[i];
		struct uuid media_id = { 0 };
		if (upload->initiated_us > newest)
			continue;
		(void)object_key_parse_original(upload->key, strlen(upload->key), &media_id, NULL);
		candidates->media_ids[candidates->count] = media_id;
		candidates->ids[candidates->count] = upload->upload_id;
		candidates->keys[candidates->count++] = upload->key;
	}
}

static enum rc ask_database(struct sweep *sweep, const struct candidates *candidates, struct db_result **ret_result,
                            struct err *err)
{
	struct buffer media_ids, ids;
	buffer_init(&media_ids, IDS_BYTES);
	buffer_init(&ids, IDS_BYTES);
	db_array_of_uuids(&media_ids, candidates->media_ids, candidates->count);
	db_array_of_texts(&ids, candidates->ids, candidates->count);
	enum rc rc = RC_NO_MEMORY;
	if (buffer_ok(&media_ids) && buffer_ok(&ids)) {
		const struct db_value values[] = { db_text(buffer_text(&media_ids)), db_text(buffer_text(&ids)) };
		rc = db_pipeline_query(sweep->ingest->pipeline, &ABANDONED, values, 2, deadline_after_ms(SWEEP_CALL_MS),
		                       ret_result, err);
	}
	buffer_done(&media_ids);
	buffer_done(&ids);
	return rc;
}

static enum rc abort_all(struct sweep *sweep, const struct candidates *candidates, const struct db_result *abandoned,
                         struct err *err)
{
	struct ingest *ingest = sweep->ingest;
	for (size_t row = 0; row < db_result_rows(abandoned) && !sweep->is_stopping; row++) {
		size_t place = (size_t)db_result_int64(abandoned, row, 0) - 1;
		const struct store_target target = { .bucket = ingest->settings->store_originals_bucket,
			                             .key = candidates->keys[place],
			                             .timeout_ms = SWEEP_CALL_MS };
		enum rc rc = store_upload_abort(ingest->store, &target, candidates->ids[place], err);
		if (rc != RC_OK)
			return err_prefix(err, rc, "store");
		sweep_add(sweep, SWEEP_uploads_aborted, 1);
		LOG_EVENT(LOG_INFO, "parts_aborted", LOG_TEXT("key", candidates->keys[place]));
	}
	return RC_OK;
}

static enum rc examine_page(struct sweep *sweep, const struct store_upload_page *page, struct err *err)
{
	struct db_result *abandoned = NULL;
	struct candidates *candidates = calloc(1, sizeof *candidates);
	if (candidates == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a listing");
	enum rc rc = RC_OK;
	choose(sweep, page, candidates);
	if (candidates->count > 0)
		rc = ask_database(sweep, candidates, &abandoned, err);
	if (rc == RC_OK && abandoned != NULL)
		rc = abort_all(sweep, candidates, abandoned, err);
	db_result_free(abandoned);
	free(candidates);
	return rc;
}

enum rc sweep_parts(struct sweep *sweep, struct err *err)
{
	struct store_upload_page page = { 0 };
	const struct store_list_options options = { .continuation =
		                                            sweep->parts_after[0] == '\0' ? NULL : sweep->parts_after,
		                                    .timeout_ms = SWEEP_CALL_MS };
	enum rc rc = store_upload_list(sweep->ingest->store, sweep->ingest->settings->store_originals_bucket, &options,
	                               &page, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "store");
	rc = examine_page(sweep, &page, err);
	// A page that failed is not looked at again before the next round: it must not hold up the rest.
	if (page.continuation == NULL || strlen(page.continuation) >= sizeof sweep->parts_after)
		sweep->parts_after[0] = '\0';
	else
		(void)snprintf(sweep->parts_after, sizeof sweep->parts_after, "%s", page.continuation);
	store_upload_page_done(&page);
	return rc;
}
