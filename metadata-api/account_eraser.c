// Erasing accounts, step by step.
#include "metadata-api/account_eraser.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "catalog/media.h"
#include "db/pool.h"
#include "db/result.h"
#include "db/statement.h"
#include "metadata-api/api.h"

#define MEDIA_A_STEP 50
#define ITEMS_A_STEP 200
#define STEP_MS 5000
// Beyond an access token's life: requests that it began may still be under way.
#define GRACE_SECONDS 120

// $1: seconds after its deletion from which on nothing of an account's can be added any more. In no order, so that an
// account that cannot be erased keeps no other waiting.
static const struct db_statement ERASE_CLAIM = {
	.name = "erase_claim",
	.sql = "SELECT id, deleted_at < now() - make_interval(secs => $1::bigint) FROM users u "
	       "WHERE deleted_at IS NOT NULL AND erased_at IS NULL "
	       "  AND (deleted_at < now() - make_interval(secs => $1) "
	       "    OR EXISTS (SELECT FROM media m WHERE m.owner_id = u.id AND m.deleted_at IS NULL) "
	       "    OR EXISTS (SELECT FROM items i WHERE i.owner_id = u.id)) "
	       "ORDER BY random() LIMIT 1 FOR NO KEY UPDATE OF u SKIP LOCKED",
	.parameter_count = 1,
};

static const struct db_statement ERASE_MEDIA_IDS = {
	.name = "erase_media_ids",
	.sql = "SELECT id FROM media WHERE owner_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2::bigint",
	.parameter_count = 2,
};

static const struct db_statement ERASE_SCRUB = {
	.name = "erase_scrub",
	.sql = "SELECT account_scrub_media($1, $2::bigint)",
	.parameter_count = 2,
};

static const struct db_statement ERASE_ITEMS = {
	.name = "erase_items",
	.sql = "DELETE FROM items WHERE id IN (SELECT id FROM items WHERE owner_id = $1 LIMIT $2::bigint)",
	.parameter_count = 2,
};

static const struct db_statement ERASE_REST = {
	.name = "erase_rest",
	.sql = "WITH s AS (DELETE FROM sessions WHERE user_id = $1), d AS (DELETE FROM devices WHERE user_id = $1), "
	       "n AS (DELETE FROM notifications WHERE user_id = $1), w AS (DELETE FROM webhooks WHERE user_id = $1), "
	       "k AS (DELETE FROM idempotency_keys WHERE owner_id = $1), q AS (DELETE FROM usage WHERE owner_id = $1), "
	       "e AS (UPDATE users SET erased_at = now() WHERE id = $1), "
	       "l AS (INSERT INTO audit_log (owner_id, action) VALUES ($1, 'account.erased')) "
	       "SELECT audit_forget($1)::text",
	.parameter_count = 1,
};

static const struct db_statement ERASE_PURGE = {
	.name = "erase_purge",
	.sql = "SELECT count(*) FILTER (WHERE account_purge(id)) FROM (SELECT id FROM users u WHERE deleted_at IS NOT NULL "
	       "  AND erased_at IS NOT NULL AND NOT EXISTS (SELECT FROM media m WHERE m.owner_id = u.id) LIMIT 20) gone",
	.parameter_count = 0,
};

struct erasing {
	struct api *api;
	struct uuid owner_id;
	bool is_last; // nothing can be added any more
};

static enum rc claim(struct db_connection *connection, struct erasing *erasing, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_int64(erasing->api->settings->api_access_seconds + GRACE_SECONDS) };
	enum rc rc = db_execute(connection, &ERASE_CLAIM, values, 1, db_connection_deadline(connection), &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return err_set(err, RC_NOT_FOUND, "no account is to be erased");
	erasing->owner_id = db_result_uuid(result, 0, 0);
	erasing->is_last = db_result_bool(result, 0, 1);
	return RC_OK;
}

// *ret_count: how many were deleted; fewer than MEDIA_A_STEP: there are no more.
static enum rc erase_media(struct db_connection *connection, const struct erasing *erasing, size_t *ret_count,
                           struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	struct catalog_call call = { .deadline = db_connection_deadline(connection) };
	const struct db_value values[] = { db_uuid(&erasing->owner_id), db_int64(MEDIA_A_STEP) };
	enum rc rc = db_execute(connection, &ERASE_MEDIA_IDS, values, 2, call.deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	for (size_t row = 0; rc == RC_OK && row < db_result_rows(result); row++) {
		struct uuid id = db_result_uuid(result, row, 0);
		rc = catalog_media_delete_in(connection, &erasing->api->catalog, &call, &erasing->owner_id, &id, err);
	}
	*ret_count = db_result_rows(result);
	return rc;
}

// One of the statements that take an owner and a number of rows.
static enum rc erase_rows(struct db_connection *connection, const struct db_statement *statement,
                          const struct erasing *erasing, int64_t most, int64_t *ret_count, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(&erasing->owner_id), db_int64(most) };
	enum rc rc = db_execute(connection, statement, values, 2, db_connection_deadline(connection), &result, err);
	if (rc == RC_OK)
		*ret_count = db_result_columns(result) > 0 ? db_result_int64(result, 0, 0) : db_result_affected(result);
	return rc;
}

static enum rc step_in(struct db_connection *connection, void *context, struct err *err)
{
	struct erasing *erasing = context;
	size_t media = 0;
	int64_t scrubbed = 0, items = 0;
	enum rc rc = claim(connection, erasing, err);
	if (rc == RC_OK)
		rc = erase_media(connection, erasing, &media, err);
	if (rc == RC_OK)
		rc = erase_rows(connection, &ERASE_SCRUB, erasing, ITEMS_A_STEP, &scrubbed, err);
	if (rc != RC_OK || media == MEDIA_A_STEP || scrubbed == ITEMS_A_STEP)
		return rc;
	rc = erase_rows(connection, &ERASE_ITEMS, erasing, ITEMS_A_STEP, &items, err);
	if (rc != RC_OK || items == ITEMS_A_STEP || !erasing->is_last)
		return rc;
	const struct db_value values[] = { db_uuid(&erasing->owner_id) };
	return db_execute(connection, &ERASE_REST, values, 1, db_connection_deadline(connection), NULL, err);
}

enum rc account_erase_step(struct api *api, struct deadline deadline, struct err *err)
{
	struct erasing erasing = { .api = api };
	return db_transaction(api->pool, deadline, step_in, &erasing, err);
}

static enum rc purge(struct api *api, struct deadline deadline, struct err *err)
{
	struct db_connection *connection = NULL;
	enum rc rc = db_pool_acquire(api->pool, deadline, &connection, err);
	if (rc != RC_OK)
		return rc;
	rc = db_execute(connection, &ERASE_PURGE, NULL, 0, deadline, NULL, err);
	db_pool_release(api->pool, connection);
	return rc;
}

bool account_eraser_work(void *context)
{
	struct api *api = context;
	struct err err = { 0 };
	struct deadline deadline = deadline_after_ms(STEP_MS);
	enum rc rc = account_erase_step(api, deadline, &err);
	if (rc == RC_OK)
		return true;
	if (rc == RC_NOT_FOUND) {
		err = (struct err){ 0 };
		rc = purge(api, deadline, &err);
	}
	if (rc != RC_OK)
		LOG_FAILURE(LOG_WARNING, "account_not_erased", &err);
	return false;
}
