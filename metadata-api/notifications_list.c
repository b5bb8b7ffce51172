// GET /v1/notifications: what the caller has been told, newest first; with ?unread=true what is not read yet.
#include <string.h>

#include "base/json_write.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "media/reason.h"
#include "metadata-api/listing.h"
#include "metadata-api/routes.h"

#define COLUMNS "id, created_at, kind, subject_id, reason, read_at FROM notifications WHERE user_id = $1 "
#define PAGE                                                                       \
	"AND (NOT $2::boolean OR (created_at, id) < ($3::timestamptz, $4::uuid)) " \
	"ORDER BY created_at DESC, id DESC LIMIT $5::bigint"

static const struct db_statement NOTIFICATIONS_ALL = {
	.name = "notifications_all",
	.sql = "SELECT " COLUMNS PAGE,
	.parameter_count = 5,
	.read_only = true,
};

static const struct db_statement NOTIFICATIONS_UNREAD = {
	.name = "notifications_unread",
	.sql = "SELECT " COLUMNS "AND read_at IS NULL " PAGE,
	.parameter_count = 5,
	.read_only = true,
};

static void write_reason(struct json_write *json, const char *code)
{
	enum media_reason reason;
	json_write_object_begin(json, "reason");
	json_write_text(json, "code", code);
	if (media_reason_parse(code, &reason))
		json_write_text(json, "detail", media_reason_detail(reason));
	json_write_object_end(json);
}

static void write_notification(const struct http_request *request, struct json_write *json,
                               const struct db_result *result, size_t row)
{
	(void)request;
	const char *kind = db_result_text(result, row, 2);
	const char *about = strncmp(kind, "media.", 6) == 0  ? "media_id"
	                    : strncmp(kind, "item.", 5) == 0 ? "item_id"
	                                                     : "webhook_id";
	listing_write_uuid(json, "id", result, row, 0);
	json_write_text(json, "kind", kind);
	listing_write_uuid(json, about, result, row, 3);
	if (!db_result_is_null(result, row, 4))
		write_reason(json, db_result_text(result, row, 4));
	json_write_time(json, "created_at", db_result_time_us(result, row, 1));
	if (db_result_is_null(result, row, 5))
		json_write_null(json, "read_at");
	else
		json_write_time(json, "read_at", db_result_time_us(result, row, 5));
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", "unread", NULL };
	static const struct listing_kind ALL = { .statement = &NOTIFICATIONS_ALL,
		                                 .list = CURSOR_NOTIFICATIONS,
		                                 .sorts_by_time = true,
		                                 .scope = "all",
		                                 .write_row = write_notification };
	static const struct listing_kind UNREAD = { .statement = &NOTIFICATIONS_UNREAD,
		                                    .list = CURSOR_NOTIFICATIONS,
		                                    .sorts_by_time = true,
		                                    .scope = "unread",
		                                    .write_row = write_notification };
	const char *unread = http_request_query(request, "unread");
	if (!http_request_query_only(request, NAMES))
		return;
	if (unread != NULL && strcmp(unread, "true") != 0)
		http_respond_problem(request, 400, "invalid-query", "unread may be \"true\", or left out.");
	else
		listing_answer(request, unread == NULL ? &ALL : &UNREAD);
}

const struct route route_notifications_list = {
	.method = "GET",
	.path = "/v1/notifications",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "What the caller has been told, newest first.",
};
