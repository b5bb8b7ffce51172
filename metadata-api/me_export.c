// GET /v1/me/export: everything that we hold of the caller, page by page: the account on the first, then items, then
// media. Original files are not in it; their names, states and hashes are.
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json_write.h"
#include "base/uuid.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "media/cursor.h"
#include "metadata-api/api.h"
#include "metadata-api/me_view.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

// A page's items have bodies of up to 64 KB, doubled by escapes at worst.
#define LIMIT_EXPORT_BYTES (2 * LIMIT_PAGE_ITEMS * (LIMIT_ITEM_BODY_BYTES + 8192))

// Times as RFC 3339 in UTC.
#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

static const struct db_statement EXPORT_ACCOUNT = {
	.name = "export_account",
	.sql = "SELECT " ME_COLUMNS ", " ME_USAGE_COLUMNS ", "
	       "(SELECT coalesce(json_agg(json_build_object('id', id, 'device', device, 'address', host(address), "
	       "    'user_agent', user_agent, 'created_at', " TIME("created_at") ", 'last_used_at', " TIME("last_used_at") "    , 'revoked_at', " TIME(
	               "revoked_at") ", 'revoke_reason', revoke_reason) ORDER BY created_at, id), '[]') "
	                             "  FROM (SELECT * FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1000) s)::text, "
	                             "(SELECT coalesce(json_agg(json_build_object('id', id, 'platform', platform, 'name', name, 'token', token, "
	                             "    'created_at', " TIME(
	                                     "created_at") ") ORDER BY created_at, id), '[]') "
	                                                   "  FROM devices WHERE user_id = $1)::text "
	                                                   "FROM users u JOIN usage q ON q.owner_id = u.id WHERE u.id = $1 AND u.deleted_at IS NULL",
	.parameter_count = 1,
	.read_only = true,
};

// Parameters: owner, id behind which to begin, limit.
static const struct db_statement EXPORT_ITEMS = {
	.name = "export_items",
	.sql = "SELECT i.id, json_build_object('id', i.id, 'title', i.title, 'body', i.body, 'visibility', i.visibility, "
	       "  'cover_media_id', i.cover_media_id, 'version', i.version, "
	       "  'tags', (SELECT coalesce(json_agg(t.tag ORDER BY t.tag), '[]') FROM item_tags t WHERE t.item_id = i.id), "
	       "  'created_at', " TIME("i.created_at") ", 'updated_at', " TIME(
	               "i.updated_at") ")::text "
	                               "FROM items i WHERE i.owner_id = $1 AND i.deleted_at IS NULL AND i.id > $2 ORDER BY i.id LIMIT $3::bigint",
	.parameter_count = 3,
	.read_only = true,
};

static const struct db_statement EXPORT_MEDIA = {
	.name = "export_media",
	.sql = "SELECT m.id, json_build_object('id', m.id, 'item_id', m.item_id, 'position', m.position, 'state', m.state, "
	       "  'reason_code', m.reason_code, 'filename', m.filename, 'content_type', "
	       "  coalesce(m.content_type, m.declared_type), 'kind', m.kind, 'size', m.size, "
	       "  'sha256', encode(m.sha256, 'hex'), 'width', m.width, 'height', m.height, 'frames', m.frames, "
	       "  'pages', m.pages, 'exif', m.exif, 'gps', (SELECT jsonb_strip_nulls(jsonb_build_object("
	       "    'latitude', p.latitude_e6 / 1e6::float8, 'longitude', p.longitude_e6 / 1e6::float8, "
	       "    'altitude', p.altitude_mm / 1e3::float8)) FROM media_positions p WHERE p.media_id = m.id), 'alt', m.alt, "
	       "  'visibility', m.visibility, 'captured_at', " TIME("m.captured_at") ", 'created_at', " TIME("m.created_at") "  , 'updated_at', " TIME(
	               "m.updated_at") ", 'variants', (SELECT coalesce(json_agg(json_build_object("
	                               "    'name', v.name, 'format', v.format, 'state', v.state, 'width', v.width, 'height', v.height, "
	                               "    'bytes', v.bytes) ORDER BY v.name, v.format), '[]') FROM variants v WHERE v.media_id = m.id "
	                               "    AND v.generation = m.published_generation))::text "
	                               "FROM media m WHERE m.owner_id = $1 AND m.deleted_at IS NULL AND m.id > $2 ORDER BY m.id LIMIT $3::bigint",
	.parameter_count = 3,
	.read_only = true,
};

// A page under way.
struct export
{
	struct http_request *request;
	enum cursor_list list; // CURSOR_ITEMS or CURSOR_MEDIA: which rows the page begins with
	struct uuid after;
	unsigned left; // rows that the page may still take
	uint64_t filter;
	struct json_write json;
};

static bool read_start(struct http_request *request, struct export *ret_export)
{
	struct err err = { 0 };
	int64_t limit;
	struct cursor cursor;
	char owner[UUID_TEXT_SIZE];
	const char *const parts[] = { owner, "export" };
	const struct hmac_key *key = &api_of(request)->cursor_key;
	uuid_format(&http_request_principal(request)->user_id, owner);
	if (http_request_query_int(request, "limit", LIMIT_PAGE_ITEMS, 1, LIMIT_PAGE_ITEMS, &limit, &err) != RC_OK) {
		http_respond_rc(request, &err);
		return false;
	}
	struct export export = { .request = request,
		                 .list = CURSOR_ITEMS,
		                 .left = (unsigned)limit,
		                 .filter = cursor_filter_hash(parts, 2) };
	const char *text = http_request_query(request, "cursor");
	if (text != NULL && cursor_decode(key, text, CURSOR_ITEMS, export.filter, &cursor, &err) != RC_OK) {
		export.list = CURSOR_MEDIA;
		if (cursor_decode(key, text, CURSOR_MEDIA, export.filter, &cursor, &err) != RC_OK) {
			http_respond_problem(
			        request, 400, "invalid-cursor",
			        "This cursor does not belong to an export of yours. Begin again without one.");
			return false;
		}
	}
	if (text != NULL)
		export.after = cursor.id;
	*ret_export = export;
	return true;
}

static enum rc write_account(struct export *export, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	struct http_request *request = export->request;
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id) };
	enum rc rc = db_pipeline_query(api_of(request)->pipeline, &EXPORT_ACCOUNT, values, 1,
	                               http_request_deadline(request), &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return err_set(err, RC_NOT_FOUND, "the account is gone");
	size_t columns = db_result_columns(result);
	const char *sessions = db_result_text(result, 0, columns - 2),
	           *devices = db_result_text(result, 0, columns - 1);
	me_write(&export->json, "account", result);
	me_write_usage(&export->json, "usage", result, ME_COLUMN_COUNT);
	json_write_raw(&export->json, "sessions", sessions, strlen(sessions));
	json_write_raw(&export->json, "devices", devices, strlen(devices));
	return RC_OK;
}

// Write rows behind export->after, at most export->left. *ret_is_over: there are no more of them.
static enum rc write_rows(struct export *export, const struct db_statement *statement, const char *name,
                          bool *ret_is_over, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	struct http_request *request = export->request;
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id), db_uuid(&export->after),
		                           db_int64((int64_t) export->left + 1) };
	enum rc rc = db_pipeline_query(api_of(request)->pipeline, statement, values, 3, http_request_deadline(request),
	                               &result, err);
	if (rc != RC_OK)
		return rc;
	size_t rows = db_result_rows(result);
	*ret_is_over = rows <= export->left;
	if (!*ret_is_over)
		rows = export->left;
	json_write_array_begin(&export->json, name);
	for (size_t row = 0; row < rows; row++) {
		const char *text = db_result_text(result, row, 1);
		json_write_raw(&export->json, NULL, text, strlen(text));
		export->after = db_result_uuid(result, row, 0);
	}
	json_write_array_end(&export->json);
	export->left -= (unsigned)rows;
	return RC_OK;
}

// Items, and media behind the last of them. *ret_is_over: nothing is left for a further page.
static enum rc write_page(struct export *export, bool *ret_is_over, struct err *err)
{
	bool is_over = true;
	enum rc rc = RC_OK;
	if (export->list == CURSOR_ITEMS) {
		rc = write_rows(export, &EXPORT_ITEMS, "items", &is_over, err);
		if (rc == RC_OK && is_over) {
			export->list = CURSOR_MEDIA;
			export->after = (struct uuid){ 0 };
		}
	}
	if (rc == RC_OK && is_over)
		rc = write_rows(export, &EXPORT_MEDIA, "media", &is_over, err);
	*ret_is_over = is_over;
	return rc;
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", NULL };
	struct err err = { 0 };
	struct export export;
	struct buffer out;
	bool is_over = false;
	if (!http_request_query_only(request, NAMES) || !read_start(request, &export))
		return;
	buffer_init(&out, LIMIT_EXPORT_BYTES);
	json_write_init(&export.json, &out);
	json_write_object_begin(&export.json, NULL);
	enum rc rc = http_request_query(request, "cursor") == NULL ? write_account(&export, &err) : RC_OK;
	if (rc == RC_OK)
		rc = write_page(&export, &is_over, &err);
	if (rc != RC_OK) {
		buffer_done(&out);
		http_respond_rc(request, &err);
		return;
	}
	struct cursor next = { .list = export.list, .id = export.after, .filter = export.filter };
	char text[CURSOR_TEXT_SIZE];
	cursor_encode(&api_of(request)->cursor_key, &next, text);
	json_write_text(&export.json, "next_cursor", is_over ? NULL : text);
	json_write_object_end(&export.json);
	http_respond_header(request, "Content-Disposition", "attachment; filename=\"safelight-export.json\"");
	http_respond_json(request, 200, &out);
}

const struct route route_me_export = {
	.method = "GET",
	.path = "/v1/me/export",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Everything held of the caller, page by page.",
};
