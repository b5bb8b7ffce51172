// Writing accounts.
#include "metadata-api/me_view.h"

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "db/result.h"
#include "http/respond.h"
#include "metadata-api/reply.h"

void me_write(struct json_write *json, const char *name, const struct db_result *result)
{
	char id[UUID_TEXT_SIZE];
	struct uuid uuid = db_result_uuid(result, 0, 0);
	uuid_format(&uuid, id);
	json_write_object_begin(json, name);
	json_write_text(json, "id", id);
	json_write_text(json, "email", db_result_text(result, 0, 1));
	json_write_text(json, "name", db_result_text(result, 0, 2));
	json_write_bool(json, "is_admin", db_result_bool(result, 0, 3));
	json_write_bool(json, "has_password", db_result_bool(result, 0, 4));
	json_write_bool(json, "keep_positions", db_result_bool(result, 0, 7));
	json_write_time(json, "created_at", db_result_time_us(result, 0, 5));
	json_write_time(json, "updated_at", db_result_time_us(result, 0, 6));
	json_write_object_end(json);
}

static void write_limit(struct json_write *json, const char *name, const struct db_result *result, size_t column)
{
	if (db_result_is_null(result, 0, column))
		json_write_null(json, name);
	else
		json_write_int(json, name, db_result_int64(result, 0, column));
}

void me_write_usage(struct json_write *json, const char *name, const struct db_result *result, size_t column)
{
	static const char *const NUMBERS[] = { "bytes", "files", "reserved_bytes", "reserved_files" };
	json_write_object_begin(json, name);
	for (size_t i = 0; i < 4; i++)
		json_write_int(json, NUMBERS[i], db_result_int64(result, 0, column + i));
	write_limit(json, "bytes_limit", result, column + 4);
	write_limit(json, "files_limit", result, column + 5);
	json_write_object_end(json);
}

void me_answer(struct http_request *request, struct db_result *result)
{
	struct buffer out;
	struct json_write json;
	if (db_result_rows(result) == 0) {
		http_respond_problem(request, 404, "not-found", "This account is gone.");
		db_result_free(result);
		return;
	}
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	me_write(&json, NULL, result);
	reply_json(request, 0, &out);
	db_result_free(result);
}
