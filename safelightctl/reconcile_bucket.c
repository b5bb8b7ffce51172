// Merging a bucket's listing with the rows that name its objects.
#include "safelightctl/reconcile_bucket.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "db/pool.h"
#include "safelightctl/progress.h"
#include "safelightctl/reach.h"
#include "store/store.h"

#define PAGE_ROWS 1000
#define LIST_MOST 20
#define CALL_MS 30000

// Keys begin with their media's id, whose text sorts like the id. (Others are counted as broken, and left out here.)
const struct db_statement reconcile_originals_keys = {
	.name = "ctl_reconcile_originals",
	.sql = "SELECT id, original_key, state NOT IN ('awaiting_upload', 'expired', 'rejected', 'deleted') FROM media"
	       " WHERE id > $1 AND $2::text IS NOT NULL AND starts_with(original_key, id || '/') ORDER BY id LIMIT $3",
	.parameter_count = 3,
	.read_only = true,
};
const struct db_statement reconcile_originals_again = {
	.name = "ctl_reconcile_original",
	.sql = "SELECT true FROM media WHERE id = $1 AND original_key = $2"
	       " AND state NOT IN ('awaiting_upload', 'expired', 'rejected', 'deleted')",
	.parameter_count = 2,
	.read_only = true,
};
const struct db_statement reconcile_variants_keys = {
	.name = "ctl_reconcile_variants",
	.sql = "SELECT v.media_id, v.object_key, v.state = 'ready' AND m.state <> 'deleted'"
	       " FROM variants v JOIN media m ON m.id = v.media_id"
	       " WHERE v.object_key IS NOT NULL AND v.media_id >= $1"
	       " AND starts_with(v.object_key, v.media_id || '/') AND (v.media_id, v.object_key COLLATE \"C\") > ($1, $2)"
	       " ORDER BY v.media_id, v.object_key COLLATE \"C\" LIMIT $3",
	.parameter_count = 3,
	.read_only = true,
};
const struct db_statement reconcile_variants_again = {
	.name = "ctl_reconcile_variant",
	.sql = "SELECT true FROM variants v JOIN media m ON m.id = v.media_id"
	       " WHERE v.media_id = $1 AND v.object_key = $2 AND v.state = 'ready' AND m.state <> 'deleted'",
	.parameter_count = 2,
	.read_only = true,
};

struct reconciling {
	struct db_pool *database;
	struct store *store;
	const struct reconcile_scan *scan;
	// The rows' page in hand.
	struct db_result *rows;
	size_t row;
	struct uuid last_id;
	char last_key[LIMIT_OBJECT_KEY_BYTES + 1];
	bool rows_end;
	// The listing's page in hand.
	struct store_page page;
	size_t entry;
	bool has_page, objects_end;
	json_t *missing_keys, *orphan_keys;
	int64_t row_count, object_count, missing, orphans, orphan_bytes, young;
};

static enum rc ask(struct reconciling *reconciling, const struct db_statement *statement, const struct db_value *values,
                   struct db_result **ret_result, struct err *err)
{
	struct deadline deadline = deadline_after_ms(REACH_STATEMENT_MS);
	struct db_connection *connection = NULL;
	enum rc rc = db_pool_acquire(reconciling->database, deadline, &connection, err);
	if (rc != RC_OK)
		return rc;
	rc = db_execute(connection, statement, values, statement->parameter_count, deadline, ret_result, err);
	db_pool_release(reconciling->database, connection);
	return rc;
}

// The next row is in hand, or rows_end is set.
static enum rc fill_rows(struct reconciling *reconciling, struct err *err)
{
	if (reconciling->rows_end ||
	    (reconciling->rows != NULL && reconciling->row < db_result_rows(reconciling->rows)))
		return RC_OK;
	const struct db_value values[] = { db_uuid(&reconciling->last_id), db_text(reconciling->last_key),
		                           db_int64(PAGE_ROWS) };
	struct db_result *rows = NULL;
	enum rc rc = ask(reconciling, reconciling->scan->keys, values, &rows, err);
	if (rc != RC_OK)
		return rc;
	db_result_free(reconciling->rows);
	reconciling->rows = rows;
	reconciling->row = 0;
	size_t count = db_result_rows(rows);
	reconciling->rows_end = count == 0;
	if (count > 0) {
		reconciling->last_id = db_result_uuid(rows, count - 1, 0);
		(void)snprintf(reconciling->last_key, sizeof reconciling->last_key, "%s",
		               db_result_text(rows, count - 1, 1));
	}
	return RC_OK;
}

// The next object is in hand, or objects_end is set.
static enum rc fill_objects(struct reconciling *reconciling, struct err *err)
{
	if (reconciling->objects_end || (reconciling->has_page && reconciling->entry < reconciling->page.count))
		return RC_OK;
	struct store_page page = { 0 };
	const struct store_list_options options = {
		.continuation = reconciling->has_page ? reconciling->page.continuation : NULL, .timeout_ms = CALL_MS
	};
	if (reconciling->has_page && options.continuation == NULL) {
		reconciling->objects_end = true;
		return RC_OK;
	}
	enum rc rc = store_list(reconciling->store, reconciling->scan->bucket, &options, &page, err);
	if (rc != RC_OK)
		return rc;
	if (reconciling->has_page)
		store_page_done(&reconciling->page);
	reconciling->page = page;
	reconciling->has_page = true;
	reconciling->entry = 0;
	reconciling->objects_end = page.count == 0;
	return RC_OK;
}

static void list_key(json_t *list, const char *key)
{
	if (json_array_size(list) < LIST_MOST)
		(void)json_array_append_new(list, json_string(key));
}

// A row without an object: both are looked at once more, since the world went on while we read.
static enum rc take_row(struct reconciling *reconciling, struct err *err)
{
	struct uuid media_id = db_result_uuid(reconciling->rows, reconciling->row, 0);
	const char *key = db_result_text(reconciling->rows, reconciling->row, 1);
	if (!db_result_bool(reconciling->rows, reconciling->row, 2))
		return RC_OK;
	const struct store_target target = { reconciling->scan->bucket, key, CALL_MS };
	struct store_object object = { 0 };
	struct err absent = { 0 };
	enum rc rc = store_head(reconciling->store, &target, &object, &absent);
	if (rc == RC_OK)
		store_object_done(&object);
	// An object of another key's may be there without letting itself be read; what is not there is told.
	if (rc == RC_DENIED)
		return RC_OK;
	if (rc != RC_NOT_FOUND) {
		return rc == RC_OK ? RC_OK : err_set(err, rc, "%s/%s: %s", target.bucket, key, absent.text);
	}
	const struct db_value values[] = { db_uuid(&media_id), db_text(key) };
	CLEANUP(db_result_free_pointer) struct db_result *again = NULL;
	rc = ask(reconciling, reconciling->scan->look_again, values, &again, err);
	if (rc == RC_OK && db_result_rows(again) > 0) {
		reconciling->missing++;
		list_key(reconciling->missing_keys, key);
	}
	return rc;
}

static void take_object(struct reconciling *reconciling)
{
	const struct store_entry *entry = &reconciling->page.entries[reconciling->entry];
	if (entry->modified_us > clock_now_us() - reconciling->scan->grace_us) {
		reconciling->young++;
		return;
	}
	reconciling->orphans++;
	reconciling->orphan_bytes += (int64_t)entry->size;
	list_key(reconciling->orphan_keys, entry->key);
}

// One step of the merge: the smaller of both keys goes on, equal ones together.
static enum rc step(struct reconciling *reconciling, struct err *err)
{
	int order = reconciling->rows_end ? 1 : -1;
	if (!reconciling->rows_end && !reconciling->objects_end)
		order = strcmp(db_result_text(reconciling->rows, reconciling->row, 1),
		               reconciling->page.entries[reconciling->entry].key);
	enum rc rc = RC_OK;
	if (order < 0)
		rc = take_row(reconciling, err);
	else if (order > 0)
		take_object(reconciling);
	if (order <= 0) {
		reconciling->row++;
		reconciling->row_count++;
	}
	if (order >= 0) {
		reconciling->entry++;
		reconciling->object_count++;
	}
	return rc;
}

enum rc reconcile_bucket(struct db_pool *database, struct store *store, const struct reconcile_scan *scan,
                         struct progress *progress, json_t **ret_document, struct err *err)
{
	struct reconciling reconciling = { .database = database,
		                           .store = store,
		                           .scan = scan,
		                           .missing_keys = json_array(),
		                           .orphan_keys = json_array() };
	enum rc rc = RC_OK;
	while (rc == RC_OK) {
		rc = fill_rows(&reconciling, err);
		if (rc == RC_OK)
			rc = fill_objects(&reconciling, err);
		if (rc != RC_OK || (reconciling.rows_end && reconciling.objects_end))
			break;
		rc = step(&reconciling, err);
		progress_show(progress, reconciling.row_count + reconciling.object_count);
	}
	db_result_free(reconciling.rows);
	if (reconciling.has_page)
		store_page_done(&reconciling.page);
	json_t *document =
	        json_pack("{s:s, s:I, s:I, s:I, s:o, s:I, s:I, s:o, s:I}", "bucket", scan->bucket, "rows",
	                  (json_int_t)reconciling.row_count, "objects", (json_int_t)reconciling.object_count, "missing",
	                  (json_int_t)reconciling.missing, "missing_keys", reconciling.missing_keys, "orphans",
	                  (json_int_t)reconciling.orphans, "orphan_bytes", (json_int_t)reconciling.orphan_bytes,
	                  "orphan_keys", reconciling.orphan_keys, "young", (json_int_t)reconciling.young);
	if (rc == RC_OK && document == NULL)
		rc = err_set(err, RC_NO_MEMORY, "no memory");
	if (rc != RC_OK) {
		json_decref(document);
		return rc;
	}
	*ret_document = document;
	return RC_OK;
}
