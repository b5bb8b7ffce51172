// The caller's account as answers show it.
#pragma once

#include <stddef.h>

struct db_result;
struct http_request;
struct json_write;
struct uuid;

// Columns of a SELECT from users u, as me_write reads them from the first.
#define ME_COLUMNS \
	"u.id, u.email, u.name, u.is_admin, u.password_hash IS NOT NULL, u.created_at, u.updated_at, u.keep_positions"
#define ME_COLUMN_COUNT 8

// The object in the result's first row. name: of the member; NULL at the top.
void me_write(struct json_write *json, const char *name, const struct db_result *result);

// Columns of a SELECT from usage q, beginning at `column` of the first row.
#define ME_USAGE_COLUMNS "q.bytes, q.files, q.reserved_bytes, q.reserved_files, q.bytes_limit, q.files_limit"
void me_write_usage(struct json_write *json, const char *name, const struct db_result *result, size_t column);

// 200 with the account in `result`, or 404 when it has no row. Takes the result.
void me_answer(struct http_request *request, struct db_result *result);
