// Objects that no row knows: bytes that came after their upload had expired, variants of a job that never committed.
//
// Each pass takes one page of each bucket's listing. An orphan older than the grace time goes on the deletions list;
// the grace must be longer than any upload or job takes, since objects are stored before their rows.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "catalog/sweep.h"
#include "db/array.h"
#include "db/pipeline.h"
#include "ingest/ingest.h"
#include "ingest/sweep.h"
#include "media/object_key.h"
#include "store/store.h"

#define KEYS_BYTES (STORE_LIST_PAGE * (OBJECT_KEY_SIZE + 4))
// When not one of so many objects has a row, this is the wrong database or the wrong bucket, not a page of orphans.
#define SUSPICIOUS 50
#define PROBE_PREFIX ".probe/"

// Objects of a page that are old enough, with keys of ours.
struct candidates {
	size_t count;
	struct uuid media_ids[STORE_LIST_PAGE];
	const char *keys[STORE_LIST_PAGE];
};

struct bucket_scan {
	const char *bucket;
	enum deletion_kind kind;
	const struct db_statement *statement;
	char *after;
	size_t after_size;
};

// Places, counted from 1, of the candidates that no live row has and that are not on the deletions list yet.
static const struct db_statement ORIGINALS = {
	.name = "ingest_orphan_originals",
	.sql = "SELECT k.place FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k(media_id, key, place)"
	       " WHERE NOT EXISTS (SELECT FROM media m WHERE m.id = k.media_id AND m.original_key = k.key"
	       "  AND m.state NOT IN ('expired', 'rejected', 'deleted'))"
	       " AND NOT EXISTS (SELECT FROM tus_uploads t WHERE t.tail_key = k.key)"
	       " AND NOT EXISTS (SELECT FROM deletions d WHERE d.media_id = k.media_id AND d.target = k.key)",
	.parameter_count = 2,
	.read_only = true,
};
static const struct db_statement VARIANTS = {
	.name = "ingest_orphan_variants",
	.sql = "SELECT k.place FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k(media_id, key, place)"
	       " WHERE NOT EXISTS (SELECT FROM variants v JOIN media m ON m.id = v.media_id"
	       "  WHERE v.media_id = k.media_id AND v.object_key = k.key AND m.state <> 'deleted')"
	       " AND NOT EXISTS (SELECT FROM deletions d WHERE d.media_id = k.media_id AND d.target = k.key)",
	.parameter_count = 2,
	.read_only = true,
};

static bool read_key(enum deletion_kind kind, const char *key, struct uuid *ret_media_id)
{
	struct object_key_variant parts;
	if (kind == DELETION_ORIGINAL)
		return object_key_parse_original(key, strlen(key), ret_media_id, NULL);
	if (!object_key_parse_variant(key, strlen(key), &parts))
		return false;
	*ret_media_id = parts.media_id;
	return true;
}

// A leftover of store_probe goes at once; what is not ours stays, and is counted.
static void take_stranger(struct sweep *sweep, const char *bucket, const char *key)
{
	const struct store_target target = { .bucket = bucket, .key = key, .timeout_ms = SWEEP_CALL_MS };
	if (strncmp(key, PROBE_PREFIX, sizeof PROBE_PREFIX - 1) != 0 ||
	    store_delete(sweep->ingest->store, &target, NULL) != RC_OK)
		sweep_add(sweep, SWEEP_strangers_found, 1);
}

static void choose(struct sweep *sweep, const struct bucket_scan *scan, const struct store_page *page,
                   struct candidates *ret_candidates)
{
	int64_t newest = clock_now_us() - sweep->ingest->live.orphan_grace_seconds * 1000000;
	ret_candidates->count = 0;
	for (size_t i = 0; i < page->count && ret_candidates->count < STORE_LIST_PAGE; i++) {
		const struct store_entry *entry = &page->entries[i];
		struct uuid *media_id = &ret_candidates->media_ids[ret_candidates->count];
		if (entry->modified_us > newest)
			continue;
		if (read_key(scan->kind, entry->key, media_id))
			ret_candidates->keys[ret_candidates->count++] = entry->key;
		else
			take_stranger(sweep, scan->bucket, entry->key);
	}
}

static enum rc ask_database(struct sweep *sweep, const struct bucket_scan *scan, const struct candidates *candidates,
                            struct db_result **ret_result, struct err *err)
{
	struct buffer ids, keys;
	buffer_init(&ids, KEYS_BYTES);
	buffer_init(&keys, KEYS_BYTES);
	db_array_of_uuids(&ids, candidates->media_ids, candidates->count);
	db_array_of_texts(&keys, candidates->keys, candidates->count);
	enum rc rc = RC_NO_MEMORY;
	if (buffer_ok(&ids) && buffer_ok(&keys)) {
		const struct db_value values[] = { db_text(buffer_text(&ids)), db_text(buffer_text(&keys)) };
		rc = db_pipeline_query(sweep->ingest->pipeline, scan->statement, values, 2,
		                       deadline_after_ms(SWEEP_CALL_MS), ret_result, err);
	}
	buffer_done(&ids);
	buffer_done(&keys);
	return rc;
}

static enum rc remove_orphans(struct sweep *sweep, const struct bucket_scan *scan, const struct candidates *candidates,
                              const struct db_result *orphans, struct err *err)
{
	size_t count = db_result_rows(orphans);
	if (count == candidates->count && count >= SUSPICIOUS)
		return err_set(err, RC_INTERNAL,
		               "none of %zu objects of %s has a row: is this the right database? Nothing was removed",
		               count, scan->bucket);
	for (size_t row = 0; row < count && !sweep->is_stopping; row++) {
		size_t place = (size_t)db_result_int64(orphans, row, 0) - 1;
		const struct catalog_call call = sweep_call();
		enum rc rc = catalog_deletion_add(&sweep->ingest->catalog, &call, scan->kind,
		                                  &candidates->media_ids[place], candidates->keys[place], 0, err);
		if (rc != RC_OK)
			return rc;
		sweep_add(sweep, SWEEP_orphans_found, 1);
		LOG_EVENT(LOG_INFO, "orphan_found", LOG_TEXT("bucket", scan->bucket),
		          LOG_TEXT("key", candidates->keys[place]));
	}
	return RC_OK;
}

static enum rc examine_page(struct sweep *sweep, const struct bucket_scan *scan, const struct store_page *page,
                            struct err *err)
{
	struct db_result *orphans = NULL;
	struct candidates *candidates = malloc(sizeof *candidates);
	if (candidates == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a listing");
	choose(sweep, scan, page, candidates);
	enum rc rc = RC_OK;
	if (candidates->count > 0)
		rc = ask_database(sweep, scan, candidates, &orphans, err);
	if (rc == RC_OK && orphans != NULL)
		rc = remove_orphans(sweep, scan, candidates, orphans, err);
	db_result_free(orphans);
	free(candidates);
	return rc;
}

static enum rc scan_page(struct sweep *sweep, const struct bucket_scan *scan, struct err *err)
{
	struct store_page page = { 0 };
	const struct store_list_options options = { .start_after = scan->after[0] == '\0' ? NULL : scan->after,
		                                    .timeout_ms = SWEEP_CALL_MS };
	enum rc rc = store_list(sweep->ingest->store, scan->bucket, &options, &page, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "store");
	rc = examine_page(sweep, scan, &page, err);
	// A page that failed is not looked at again before the next round: it must not hold up the rest.
	if (page.continuation == NULL || page.count == 0)
		scan->after[0] = '\0';
	else
		(void)snprintf(scan->after, scan->after_size, "%s", page.entries[page.count - 1].key);
	store_page_done(&page);
	return rc;
}

enum rc sweep_orphans(struct sweep *sweep, struct err *err)
{
	const struct settings *settings = sweep->ingest->settings;
	const struct bucket_scan originals = { settings->store_originals_bucket, DELETION_ORIGINAL, &ORIGINALS,
		                               sweep->originals_after, sizeof sweep->originals_after };
	const struct bucket_scan media = { settings->store_media_bucket, DELETION_VARIANT, &VARIANTS,
		                           sweep->media_after, sizeof sweep->media_after };
	enum rc rc = scan_page(sweep, &originals, err);
	return rc == RC_OK ? scan_page(sweep, &media, err) : rc;
}
