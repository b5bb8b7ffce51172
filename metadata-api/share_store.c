// SQL of share links.
#include "metadata-api/share_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "db/pipeline.h"
#include "metadata-api/api.h"

// In the order that share_read decodes.
#define SHARE_COLUMNS                                                                               \
	"s.id, s.password_hash IS NOT NULL, s.allow_original, s.max_views, s.views, s.created_at, " \
	"s.expires_at, s.revoked_at "

static const struct db_statement SHARE_INSERT = {
	.name = "share_insert",
	.sql = "WITH target AS (SELECT i.id, i.owner_id, (SELECT count(*) FROM shares o WHERE o.item_id = i.id "
	       "  AND o.revoked_at IS NULL) < $8::bigint AS has_room FROM items i "
	       "  WHERE i.id = $2 AND i.owner_id = $3 AND i.deleted_at IS NULL), "
	       "s AS (INSERT INTO shares (id, item_id, owner_id, token_hash, password_hash, allow_original, max_views, "
	       "  expires_at) SELECT $1, id, owner_id, $4, $5, $6, nullif($7::bigint, 0), $9 FROM target "
	       "  WHERE has_room RETURNING *), "
	       "logged AS (INSERT INTO audit_log (actor_id, owner_id, action, subject_kind, subject_id, address, user_agent, "
	       "  request_id, detail) SELECT owner_id, owner_id, 'share.created', 'share', id, $10::inet, $11, $12, "
	       "  jsonb_build_object('item_id', item_id) FROM s), "
	       "told AS (INSERT INTO notifications (id, user_id, kind, subject_id) "
	       "  SELECT gen_random_uuid(), owner_id, 'item.shared', item_id FROM s) "
	       "SELECT " SHARE_COLUMNS "FROM target LEFT JOIN s ON true",
	.parameter_count = 12,
};

const struct db_statement share_list_statement = {
	.name = "share_list",
	.sql = "SELECT " SHARE_COLUMNS "FROM items i LEFT JOIN LATERAL (SELECT * FROM shares p WHERE p.item_id = i.id "
	       "  AND (p.created_at, p.id) < ($3::timestamptz, $4::uuid) "
	       "  ORDER BY p.created_at DESC, p.id DESC LIMIT $5::bigint) s ON true "
	       "WHERE i.id = $2 AND i.owner_id = $1 AND i.deleted_at IS NULL",
	.parameter_count = 5,
	.read_only = true,
};

// $3 NULL: all of the item's.
static const struct db_statement SHARE_REVOKE = {
	.name = "share_revoke",
	.sql = "WITH target AS (SELECT id FROM items WHERE id = $2 AND owner_id = $1 AND deleted_at IS NULL), "
	       "revoked AS (UPDATE shares s SET revoked_at = coalesce(s.revoked_at, now()) FROM target t "
	       "  WHERE s.item_id = t.id AND ($3::uuid IS NULL OR s.id = $3) RETURNING s.id, "
	       "  s.revoked_at = now() AS is_new), "
	       "logged AS (INSERT INTO audit_log (actor_id, owner_id, action, subject_kind, subject_id, address, user_agent, "
	       "  request_id, detail) SELECT $1, $1, 'share.revoked', 'share', id, $4::inet, $5, $6, "
	       "  jsonb_build_object('item_id', $2::uuid) FROM revoked WHERE is_new) "
	       "SELECT EXISTS (SELECT FROM target) AND ($3 IS NULL OR EXISTS (SELECT FROM revoked))",
	.parameter_count = 6,
};

static const struct db_statement SHARE_PASSWORD = {
	.name = "share_password",
	.sql = "SELECT password_hash FROM shares WHERE token_hash = $1",
	.parameter_count = 1,
	.read_only = true,
};

const struct db_statement share_open_statement = {
	.name = "share_open",
	.sql = "WITH s AS (SELECT * FROM shares WHERE token_hash = $1 FOR UPDATE), "
	       "judged AS (SELECT s.*, CASE WHEN i.deleted_at IS NOT NULL OR u.deleted_at IS NOT NULL THEN 'gone' "
	       "    WHEN s.revoked_at IS NOT NULL THEN 'revoked' WHEN s.expires_at <= now() THEN 'expired' "
	       "    ELSE 'open' END AS state, "
	       "  CASE WHEN s.password_hash IS NULL THEN $2::bigint ELSE $3::bigint END AS asking, "
	       "  concat_ws('.', i.version, (SELECT concat_ws('.', count(*), sum(m.version)) FROM media m "
	       "    WHERE m.item_id = i.id AND m.deleted_at IS NULL)) AS stamp "
	       "  FROM s JOIN items i ON i.id = s.item_id JOIN users u ON u.id = s.owner_id), "
	       "allowed AS (SELECT j.*, CASE WHEN j.state = 'open' THEN least(j.asking, coalesce(j.max_views - j.views, "
	       "  j.asking)) ELSE 0 END AS granted FROM judged j), "
	       "counted AS (UPDATE shares t SET views = t.views + a.granted FROM allowed a WHERE t.id = a.id "
	       "  AND a.granted > 0) "
	       "SELECT state, granted, password_hash IS NOT NULL, allow_original, item_id, owner_id, expires_at, stamp "
	       "FROM allowed",
	.parameter_count = 3,
};

bool share_read(const struct db_result *result, size_t row, struct share_row *ret_share)
{
	if (db_result_is_null(result, row, 0))
		return false;
	*ret_share = (struct share_row){
		.id = db_result_uuid(result, row, 0),
		.has_password = db_result_bool(result, row, 1),
		.allow_original = db_result_bool(result, row, 2),
		.max_views = db_result_int64(result, row, 3),
		.views = db_result_int64(result, row, 4),
		.created_at = db_result_time_us(result, row, 5),
		.expires_at = db_result_time_us(result, row, 6),
		.revoked_at = db_result_time_us(result, row, 7),
	};
	return true;
}

void share_read_opened(const struct db_result *result, struct share_opened *ret_opened)
{
	const char *state = db_result_text(result, 0, 0);
	*ret_opened = (struct share_opened){
		.state = state[0] == 'o'   ? SHARE_OPEN
		         : state[0] == 'r' ? SHARE_REVOKED
		         : state[0] == 'e' ? SHARE_EXPIRED
		                           : SHARE_GONE,
		.granted = db_result_int64(result, 0, 1),
		.has_password = db_result_bool(result, 0, 2),
		.allow_original = db_result_bool(result, 0, 3),
		.item_id = db_result_uuid(result, 0, 4),
		.owner_id = db_result_uuid(result, 0, 5),
		.expires_at = db_result_time_us(result, 0, 6),
		.stamp = db_result_text(result, 0, 7),
	};
}

enum rc share_insert(struct api *api, const struct share_new *share, const struct db_value *origin,
                     struct deadline deadline, struct share_row *ret_share, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = {
		db_uuid(&share->id),
		db_uuid(&share->item_id),
		db_uuid(&share->owner_id),
		db_bytes(share->token_hash, SHA256_SIZE),
		db_text(share->password_hash),
		db_bool(share->allow_original),
		db_int64(share->max_views),
		db_int64(SHARES_PER_ITEM),
		db_time_us(share->expires_at),
		origin[1],
		origin[2],
		origin[3],
	};
	enum rc rc = db_pipeline_query(api->pipeline, &SHARE_INSERT, values, 12, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return err_set(err, RC_NOT_FOUND, "There is no such item.");
	if (!share_read(result, 0, ret_share))
		return err_set(err, RC_LIMIT, "The item has %d shares. Revoke some first.", SHARES_PER_ITEM);
	return RC_OK;
}

enum rc share_revoke(struct api *api, const struct db_value *origin, const struct uuid *item_id,
                     const struct uuid *share_id, struct deadline deadline, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { origin[0], db_uuid(item_id), db_uuid(share_id),
		                           origin[1], origin[2],        origin[3] };
	enum rc rc = db_pipeline_query(api->pipeline, &SHARE_REVOKE, values, 6, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	return db_result_bool(result, 0, 0) ? RC_OK : err_set(err, RC_NOT_FOUND, "There is no such share.");
}

enum rc share_find_password(struct api *api, const uint8_t token_hash[SHA256_SIZE], struct deadline deadline,
                            char **ret_password_hash, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value value = db_bytes(token_hash, SHA256_SIZE);
	char *hash = NULL;
	enum rc rc = db_pipeline_query(api->pipeline, &SHARE_PASSWORD, &value, 1, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) > 0 && !db_result_is_null(result, 0, 0)) {
		hash = strdup(db_result_text(result, 0, 0));
		if (hash == NULL)
			return err_set(err, RC_NO_MEMORY, "no memory for a password hash");
	}
	*ret_password_hash = hash;
	return RC_OK;
}
