// SQL of items.
#include "metadata-api/item_store.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "catalog/media.h"
#include "catalog/outbox.h"
#include "db/array.h"
#include "db/pool.h"
#include "metadata-api/api.h"

static const struct db_statement ITEM_INSERT = {
	.name = "item_insert",
	.sql = "INSERT INTO items (id, owner_id, title, body, visibility, cover_media_id) "
	       "VALUES ($1, $2, coalesce($3, ''), coalesce($4, ''), coalesce($5, 'private'), "
	       "  (SELECT id FROM media WHERE id = $6 AND owner_id = $2 AND deleted_at IS NULL)) "
	       "RETURNING version, cover_media_id IS NOT DISTINCT FROM $6",
	.parameter_count = 6,
};

// A cover must be one of the item's own media.
static const struct db_statement ITEM_UPDATE = {
	.name = "item_update",
	.sql = "UPDATE items SET title = coalesce($3, title), body = coalesce($4, body), "
	       "  visibility = coalesce($5, visibility), "
	       "  cover_media_id = CASE WHEN $6::boolean THEN "
	       "    (SELECT id FROM media WHERE id = $7 AND item_id = $1 AND deleted_at IS NULL) ELSE cover_media_id END, "
	       "  version = version + 1, updated_at = now() "
	       "WHERE id = $1 AND owner_id = $2 AND deleted_at IS NULL "
	       "RETURNING version, NOT $6::boolean OR cover_media_id IS NOT DISTINCT FROM $7",
	.parameter_count = 7,
};

static const struct db_statement ITEM_LOCK = {
	.name = "item_lock",
	.sql = "SELECT version FROM items WHERE id = $1 AND owner_id = $2 AND deleted_at IS NULL FOR UPDATE",
	.parameter_count = 2,
};

static const struct db_statement ITEM_SET_TAGS = {
	.name = "item_set_tags",
	.sql = "WITH wanted AS (SELECT DISTINCT unnest($3::text[]) AS tag), "
	       "gone AS (DELETE FROM item_tags WHERE item_id = $1 AND tag NOT IN (SELECT tag FROM wanted)) "
	       "INSERT INTO item_tags (item_id, owner_id, tag) SELECT $1, $2, tag FROM wanted ON CONFLICT DO NOTHING",
	.parameter_count = 3,
};

static const struct db_statement ITEM_MEDIA_IDS = {
	.name = "item_media_ids",
	.sql = "SELECT id FROM media WHERE item_id = $1 AND owner_id = $2 AND deleted_at IS NULL ORDER BY id",
	.parameter_count = 2,
};

static const struct db_statement ITEM_DELETE = {
	.name = "item_delete",
	.sql = "UPDATE items SET deleted_at = now(), updated_at = now(), version = version + 1 WHERE id = $1 "
	       "RETURNING version",
	.parameter_count = 1,
};

// What the body of each transaction needs.
struct item_work {
	struct api *api;
	const struct catalog_call *call;
	const struct uuid *owner_id;
	const struct uuid *item_id;
	int64_t version;
	const struct item_fields *fields;
};

static enum rc write_event(struct db_connection *connection, const struct item_work *work, enum event_item_verb verb,
                           int64_t version, struct err *err)
{
	struct event event = { .kind = EVENT_ITEM };
	event.item = (struct event_item){
		.verb = verb, .item_id = *work->item_id, .owner_id = *work->owner_id, .version = version
	};
	return catalog_outbox_add(connection, &work->api->catalog, work->call, &event, 1, err);
}

static enum rc set_tags(struct db_connection *connection, const struct item_work *work, struct err *err)
{
	if (work->fields->tags == NULL)
		return RC_OK;
	struct buffer tags;
	buffer_init(&tags, LIMIT_REQUEST_BODY_BYTES);
	db_array_of_texts(&tags, work->fields->tags, work->fields->tag_count);
	const struct db_value values[] = { db_uuid(work->item_id), db_uuid(work->owner_id),
		                           db_text(buffer_text(&tags)) };
	enum rc rc = db_execute(connection, &ITEM_SET_TAGS, values, 3, work->call->deadline, NULL, err);
	buffer_done(&tags);
	return rc;
}

static enum rc create_in(struct db_connection *connection, void *context, struct err *err)
{
	const struct item_work *work = context;
	const struct item_fields *fields = work->fields;
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(work->item_id),      db_uuid(work->owner_id),
		                           db_text(fields->title),      db_text(fields->body),
		                           db_text(fields->visibility), db_uuid(fields->cover_media_id) };
	enum rc rc = db_execute(connection, &ITEM_INSERT, values, 6, work->call->deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (!db_result_bool(result, 0, 1))
		return err_set(err, RC_CONFLICT, "cover_media_id is not a media of yours");
	rc = set_tags(connection, work, err);
	return rc == RC_OK ? write_event(connection, work, ITEM_VERB_CREATED, 1, err) : rc;
}

enum rc item_create(struct api *api, const struct catalog_call *call, const struct uuid *owner_id,
                    const struct uuid *item_id, const struct item_fields *fields, struct err *err)
{
	struct item_work work = {
		.api = api, .call = call, .owner_id = owner_id, .item_id = item_id, .fields = fields
	};
	return db_transaction(api->pool, call->deadline, create_in, &work, err);
}

// Lock the row and see that it has the version asked for.
static enum rc lock_version(struct db_connection *connection, const struct item_work *work, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(work->item_id), db_uuid(work->owner_id) };
	enum rc rc = db_execute(connection, &ITEM_LOCK, values, 2, work->call->deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return err_set(err, RC_NOT_FOUND, "There is no such item.");
	int64_t version = db_result_int64(result, 0, 0);
	if (work->version != 0 && work->version != version)
		return err_set(err, RC_CONFLICT, "The item has changed meanwhile: it has version %lld. Read it again.",
		               (long long)version);
	return RC_OK;
}

static enum rc change_in(struct db_connection *connection, void *context, struct err *err)
{
	const struct item_work *work = context;
	const struct item_fields *fields = work->fields;
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = {
		db_uuid(work->item_id),          db_uuid(work->owner_id),     db_text(fields->title),
		db_text(fields->body),           db_text(fields->visibility), db_bool(fields->has_cover),
		db_uuid(fields->cover_media_id),
	};
	enum rc rc = lock_version(connection, work, err);
	if (rc == RC_OK)
		rc = db_execute(connection, &ITEM_UPDATE, values, 7, work->call->deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (!db_result_bool(result, 0, 1))
		return err_set(err, RC_CONFLICT, "cover_media_id is not a media of this item");
	rc = set_tags(connection, work, err);
	return rc == RC_OK ? write_event(connection, work, ITEM_VERB_UPDATED, db_result_int64(result, 0, 0), err) : rc;
}

enum rc item_change(struct api *api, const struct catalog_call *call, const struct uuid *owner_id,
                    const struct uuid *item_id, int64_t version, const struct item_fields *fields, struct err *err)
{
	struct item_work work = {
		.api = api, .call = call, .owner_id = owner_id, .item_id = item_id, .version = version, .fields = fields
	};
	return db_transaction(api->pool, call->deadline, change_in, &work, err);
}

static enum rc delete_media(struct db_connection *connection, const struct item_work *work, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(work->item_id), db_uuid(work->owner_id) };
	enum rc rc = db_execute(connection, &ITEM_MEDIA_IDS, values, 2, work->call->deadline, &result, err);
	for (size_t row = 0; rc == RC_OK && row < db_result_rows(result); row++) {
		struct uuid media_id = db_result_uuid(result, row, 0);
		rc = catalog_media_delete_in(connection, &work->api->catalog, work->call, work->owner_id, &media_id,
		                             err);
	}
	return rc;
}

static enum rc delete_in(struct db_connection *connection, void *context, struct err *err)
{
	const struct item_work *work = context;
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(work->item_id) };
	enum rc rc = lock_version(connection, work, err);
	if (rc == RC_OK)
		rc = delete_media(connection, work, err);
	if (rc == RC_OK)
		rc = db_execute(connection, &ITEM_DELETE, values, 1, work->call->deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	return write_event(connection, work, ITEM_VERB_DELETED, db_result_int64(result, 0, 0), err);
}

enum rc item_delete(struct api *api, const struct catalog_call *call, const struct uuid *owner_id,
                    const struct uuid *item_id, int64_t version, struct err *err)
{
	struct item_work work = {
		.api = api, .call = call, .owner_id = owner_id, .item_id = item_id, .version = version
	};
	return db_transaction(api->pool, call->deadline, delete_in, &work, err);
}
