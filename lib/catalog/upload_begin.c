// Beginning uploads.
#include <string.h>

#include "base/clock.h"
#include "catalog/idempotency.h"
#include "catalog/run.h"
#include "catalog/upload.h"

#define BEGIN_VALUES 26
#define TODAY "(now() AT TIME ZONE 'UTC')::date"

// Everything in one statement: either all of its rows, or none and the reason why. Two that race with one idempotency
// key collide on its primary key; the loser asks again and finds the winner's.
static const struct db_statement begin_statement = {
	.name = "upload_begin",
	.sql = "WITH owner AS (SELECT 1 FROM users WHERE id = $3::uuid AND deleted_at IS NULL), "
	       "item AS (SELECT 1 FROM items WHERE id = $4::uuid AND owner_id = $3 AND deleted_at IS NULL), "
	       "earlier AS (SELECT k.fingerprint, k.resource_id, u.media_id FROM idempotency_keys k "
	       "  LEFT JOIN uploads u ON u.id = k.resource_id "
	       "  WHERE k.owner_id = $3 AND k.scope = $26::text AND k.key = $19::text), "
	       "own AS (SELECT media_id FROM uploads WHERE id = $1::uuid AND owner_id = $3), "
	       "duplicate AS (SELECT id FROM media WHERE owner_id = $3 AND sha256 = $9::bytea AND deleted_at IS NULL "
	       "  AND state IN ('uploaded', 'processing', 'ready') ORDER BY created_at, id LIMIT 1), "
	       "reserved AS (INSERT INTO usage AS held (owner_id, reserved_bytes, reserved_files, day_bytes, day_files) "
	       "  SELECT $3, $8::bigint, 1, $8, 1 WHERE EXISTS (SELECT FROM owner) "
	       "  AND ($4 IS NULL OR EXISTS (SELECT FROM item)) "
	       "  AND NOT EXISTS (SELECT FROM earlier) AND NOT EXISTS (SELECT FROM own) "
	       "  AND NOT EXISTS (SELECT FROM duplicate) "
	       "  AND (EXISTS (SELECT FROM usage WHERE owner_id = $3) "
	       "    OR (($21::bigint = 0 OR $8 <= $21) AND ($24::bigint = 0 OR $8 <= $24))) "
	       "  ON CONFLICT (owner_id) DO UPDATE SET reserved_bytes = held.reserved_bytes + $8, "
	       "    reserved_files = held.reserved_files + 1, day = " TODAY ", "
	       "    day_bytes = CASE WHEN held.day = " TODAY " THEN held.day_bytes ELSE 0 END + $8, "
	       "    day_files = CASE WHEN held.day = " TODAY " THEN held.day_files ELSE 0 END + 1, updated_at = now() "
	       "  WHERE held.bytes + held.reserved_bytes + $8 <= "
	       "      coalesce(held.bytes_limit, nullif($21, 0), 9223372036854775807) "
	       "    AND held.files + held.reserved_files + 1 <= "
	       "      coalesce(held.files_limit, nullif($22::bigint, 0), 9223372036854775807) "
	       "    AND ($23::bigint = 0 OR held.reserved_files < $23) "
	       "    AND ($24 = 0 OR CASE WHEN held.day = " TODAY " THEN held.day_bytes ELSE 0 END + $8 <= $24) "
	       "  RETURNING 1), "
	       "remembered AS (INSERT INTO idempotency_keys (owner_id, scope, key, fingerprint, resource_id, expires_at) "
	       "  SELECT $3, $26, $19, $20::bytea, $1, now() + " CATALOG_IDEMPOTENCY_LIFE " FROM reserved "
	       "  WHERE $19 IS NOT NULL), "
	       "begun AS (INSERT INTO media (id, owner_id, item_id, filename, declared_type, kind, size, declared_sha256, "
	       "    original_key, alt, captured_at, visibility) "
	       "  SELECT $2::uuid, $3, $4, $5, $6, $7, $8, $9, $14, coalesce($11, ''), $12, coalesce($13, 'private') "
	       "  FROM reserved RETURNING id), "
	       "upload AS (INSERT INTO uploads (id, media_id, owner_id, object_key, method, multipart_id, size, "
	       "    content_type, content_md5, expires_at, check_after, part_size) "
	       "  SELECT $1, $2, $3, $14, $15, $16, $8, $6, $10, $17, $18, $25::bigint FROM reserved) "
	       "SELECT EXISTS (SELECT FROM begun), EXISTS (SELECT FROM owner), "
	       "  $4 IS NULL OR EXISTS (SELECT FROM item), (SELECT id FROM duplicate), "
	       "  (SELECT fingerprint FROM earlier), (SELECT resource_id FROM earlier), (SELECT media_id FROM earlier), "
	       "  (SELECT media_id FROM own)",
	.parameter_count = BEGIN_VALUES,
};

const char *catalog_upload_begin_sql(void)
{
	return begin_statement.sql;
}

enum begin_column {
	COLUMN_BEGUN,
	COLUMN_OWNER_EXISTS,
	COLUMN_ITEM_EXISTS,
	COLUMN_DUPLICATE,
	COLUMN_FINGERPRINT,
	COLUMN_EARLIER_UPLOAD,
	COLUMN_EARLIER_MEDIA,
	COLUMN_OWN_MEDIA,
};

static void fill_values(const struct upload_new *upload, struct db_value ret_values[BEGIN_VALUES])
{
	const struct db_value values[BEGIN_VALUES] = {
		db_uuid(&upload->upload_id),
		db_uuid(&upload->media_id),
		db_uuid(&upload->owner_id),
		db_uuid(upload->item_id),
		db_text(upload->filename),
		db_text(upload->content_type),
		db_text(media_kind_name(upload->kind)),
		db_int64(upload->size),
		db_bytes(upload->sha256, 32),
		db_bytes(upload->content_md5, 16),
		db_text(upload->alt),
		upload->captured_at == 0 ? db_null() : db_time_us(upload->captured_at),
		db_text(upload->visibility),
		db_text(upload->object_key),
		db_text(upload_method_name(upload->method)),
		db_text(upload->multipart_id),
		db_time_us(upload->expires_at),
		db_time_us(upload->check_after),
		db_text(upload->idempotency_key),
		db_bytes(upload->idempotency_fingerprint, 32),
		db_int64(upload->quota.bytes),
		db_int64(upload->quota.files),
		db_int64(upload->quota.reserved_files),
		db_int64(upload->quota.day_bytes),
		upload->part_size == 0 ? db_null() : db_int64(upload->part_size),
		db_text(upload->idempotency_scope == NULL ? "upload" : upload->idempotency_scope),
	};

	memcpy(ret_values, values, sizeof(values));
}

// The idempotency key is known.
static enum rc read_earlier(const struct upload_new *upload, const struct db_result *result,
                            struct upload_begun *ret_begun, struct err *err)
{
	size_t length;
	const uint8_t *fingerprint = db_result_bytes(result, 0, COLUMN_FINGERPRINT, &length);

	if (length != 32 || memcmp(fingerprint, upload->idempotency_fingerprint, 32) != 0)
		return err_set(err, RC_CONFLICT, "this idempotency key was used for another request");
	if (db_result_is_null(result, 0, COLUMN_EARLIER_MEDIA))
		return err_set(err, RC_NOT_FOUND, "what was begun with this idempotency key is gone; use a new key");
	*ret_begun = (struct upload_begun){ .outcome = UPLOAD_REPEATED,
		                            .upload_id = db_result_uuid(result, 0, COLUMN_EARLIER_UPLOAD),
		                            .media_id = db_result_uuid(result, 0, COLUMN_EARLIER_MEDIA) };
	return RC_OK;
}

static enum rc read_outcome(const struct upload_new *upload, const struct db_result *result,
                            struct upload_begun *ret_begun, struct err *err)
{
	if (db_result_bool(result, 0, COLUMN_BEGUN)) {
		*ret_begun = (struct upload_begun){ .outcome = UPLOAD_BEGUN,
			                            .upload_id = upload->upload_id,
			                            .media_id = upload->media_id };
		return RC_OK;
	}
	if (!db_result_is_null(result, 0, COLUMN_FINGERPRINT))
		return read_earlier(upload, result, ret_begun, err);
	if (!db_result_is_null(result, 0, COLUMN_OWN_MEDIA)) {
		*ret_begun = (struct upload_begun){ .outcome = UPLOAD_REPEATED,
			                            .upload_id = upload->upload_id,
			                            .media_id = db_result_uuid(result, 0, COLUMN_OWN_MEDIA) };
		return RC_OK;
	}
	if (!db_result_bool(result, 0, COLUMN_OWNER_EXISTS))
		return err_set(err, RC_DENIED, "the owner's account does not exist");
	if (!db_result_bool(result, 0, COLUMN_ITEM_EXISTS))
		return err_set(err, RC_NOT_FOUND, "there is no such item");
	if (db_result_is_null(result, 0, COLUMN_DUPLICATE))
		return err_set(err, RC_LIMIT, "the upload would exceed the quota");
	*ret_begun = (struct upload_begun){ .outcome = UPLOAD_DUPLICATE,
		                            .media_id = db_result_uuid(result, 0, COLUMN_DUPLICATE) };
	return RC_OK;
}

enum rc catalog_upload_begin(const struct catalog *catalog, const struct catalog_call *call,
                             const struct upload_new *upload, struct upload_begun *ret_begun, struct err *err)
{
	struct db_value values[BEGIN_VALUES];
	struct db_result *result;
	enum rc rc = RC_EXISTS;

	fill_values(upload, values);
	for (unsigned attempt = 0; attempt < 2 && rc == RC_EXISTS; attempt++)
		rc = catalog_run(catalog, call, &begin_statement, values, BEGIN_VALUES, &result, err);
	if (rc != RC_OK)
		return rc;
	rc = read_outcome(upload, result, ret_begun, err);
	db_result_free(result);
	return rc;
}

struct begin_many {
	const struct upload_new *uploads;
	size_t count;
	struct upload_begun *begun;
	size_t index;
};

static enum rc begin_many_in(struct db_connection *connection, void *context, struct err *err)
{
	struct begin_many *many = context;
	enum rc rc = RC_OK;

	for (many->index = 0; many->index < many->count; many->index++) {
		const struct upload_new *upload = &many->uploads[many->index];
		struct db_value values[BEGIN_VALUES];
		struct db_result *result;

		fill_values(upload, values);
		rc = db_execute(connection, &begin_statement, values, BEGIN_VALUES, db_connection_deadline(connection),
		                &result, err);
		if (rc != RC_OK)
			return rc;
		rc = read_outcome(upload, result, &many->begun[many->index], err);
		db_result_free(result);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc catalog_upload_begin_many(const struct catalog *catalog, const struct catalog_call *call,
                                  const struct upload_new *uploads, size_t count, struct upload_begun *ret_begun,
                                  size_t *ret_index, struct err *err)
{
	struct begin_many many = { .uploads = uploads, .count = count, .begun = ret_begun };
	enum rc rc = RC_EXISTS;

	for (unsigned attempt = 0; attempt < 2 && rc == RC_EXISTS; attempt++)
		rc = db_transaction(catalog->pool, call->deadline, begin_many_in, &many, err);
	*ret_index = many.index;
	return rc;
}
