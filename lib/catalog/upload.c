// Finding uploads.
#include "catalog/upload.h"

#include <assert.h>
#include <string.h>

#include "catalog/read.h"
#include "catalog/run.h"
#include "catalog/upload_columns.h"

static const char *const method_names[] = {
	[UPLOAD_PUT] = "put", [UPLOAD_MULTIPART] = "multipart", [UPLOAD_POST] = "post", [UPLOAD_TUS] = "tus"
};
static_assert(sizeof(method_names) / sizeof(method_names[0]) == UPLOAD_METHOD_COUNT, "each method has its name");

static const struct db_statement find_statement = {
	.name = "upload_find",
	.sql = "SELECT " UPLOAD_COLUMNS "FROM uploads u JOIN media m ON m.id = u.media_id "
	       "WHERE u.id = $1 AND ($2::uuid IS NULL OR u.owner_id = $2)",
	.parameter_count = 2,
	.read_only = true,
};

static const struct db_statement find_by_media_statement = {
	.name = "upload_find_by_media",
	.sql = "SELECT " UPLOAD_COLUMNS "FROM uploads u JOIN media m ON m.id = u.media_id WHERE u.media_id = $1",
	.parameter_count = 1,
	.read_only = true,
};

static const struct db_statement set_multipart_statement = {
	.name = "upload_set_multipart",
	.sql = "UPDATE uploads SET multipart_id = $2 WHERE id = $1 AND completed_at IS NULL AND aborted_at IS NULL "
	       "AND (multipart_id IS NULL OR multipart_id = $2) RETURNING 1",
	.parameter_count = 2,
};

const char *upload_method_name(enum upload_method method)
{
	assert((unsigned)method < UPLOAD_METHOD_COUNT);
	return method_names[method];
}

static enum upload_method read_method(const struct db_result *result, size_t row, size_t column)
{
	const char *name = db_result_text(result, row, column);

	for (unsigned i = 0; i < UPLOAD_METHOD_COUNT; i++) {
		if (strcmp(name, method_names[i]) == 0)
			return (enum upload_method)i;
	}
	return UPLOAD_PUT;
}

void catalog_upload_read(const struct db_result *result, size_t row, struct upload_row *ret_upload)
{
	size_t length;

	*ret_upload = (struct upload_row){
		.id = db_result_uuid(result, row, 0),
		.media_id = db_result_uuid(result, row, 1),
		.owner_id = db_result_uuid(result, row, 2),
		.object_key = db_result_text(result, row, 3),
		.method = read_method(result, row, 4),
		.multipart_id = db_result_text(result, row, 5),
		.size = db_result_int64(result, row, 6),
		.content_type = db_result_text(result, row, 7),
		.content_md5 = db_result_bytes(result, row, 8, &length),
		.sha256 = read_sha256(result, row, 9),
		.expires_at = db_result_time_us(result, row, 10),
		.created_at = db_result_time_us(result, row, 11),
		.completed = db_result_bool(result, row, 12),
		.aborted = db_result_bool(result, row, 13),
		.media_state = read_state(result, row, 14),
		.filename = db_result_text(result, row, 15),
		.part_size = db_result_int64(result, row, 16),
	};
}

static enum rc find_one(const struct catalog *catalog, const struct catalog_call *call,
                        const struct db_statement *statement, const struct db_value *values,
                        struct upload_row *ret_upload, struct db_result **ret_result, struct err *err)
{
	struct db_result *result;
	enum rc rc = catalog_run(catalog, call, statement, values, statement->parameter_count, &result, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0) {
		db_result_free(result);
		return err_set(err, RC_NOT_FOUND, "there is no such upload");
	}
	catalog_upload_read(result, 0, ret_upload);
	*ret_result = result;
	return RC_OK;
}

enum rc catalog_upload_find(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *owner_id,
                            const struct uuid *upload_id, struct upload_row *ret_upload, struct db_result **ret_result,
                            struct err *err)
{
	const struct db_value values[] = { db_uuid(upload_id), db_uuid(owner_id) };

	return find_one(catalog, call, &find_statement, values, ret_upload, ret_result, err);
}

enum rc catalog_upload_find_by_media(const struct catalog *catalog, const struct catalog_call *call,
                                     const struct uuid *media_id, struct upload_row *ret_upload,
                                     struct db_result **ret_result, struct err *err)
{
	const struct db_value values[] = { db_uuid(media_id) };

	return find_one(catalog, call, &find_by_media_statement, values, ret_upload, ret_result, err);
}

enum rc catalog_upload_set_multipart(const struct catalog *catalog, const struct catalog_call *call,
                                     const struct uuid *upload_id, const char *multipart_id, struct err *err)
{
	const struct db_value values[] = { db_uuid(upload_id), db_text(multipart_id) };
	struct db_result *result;
	bool is_set;
	enum rc rc = catalog_run(catalog, call, &set_multipart_statement, values, 2, &result, err);

	if (rc != RC_OK)
		return rc;
	is_set = db_result_rows(result) == 1;
	db_result_free(result);
	return is_set ? RC_OK : err_set(err, RC_CONFLICT, "the upload has ended, or has another multipart id");
}
