// GET /v1/media: the caller's media, newest first.
#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "catalog/media.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/media_view.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

static void answer(struct media_view *view)
{
	const struct reply_page *page = view->context;
	size_t rows = db_result_rows(view->media);
	bool has_next = rows > page->limit;
	if (has_next)
		rows = page->limit;
	struct buffer out;
	struct json_write json;
	struct media_row last = { 0 };
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "items");
	for (size_t row = 0; row < rows; row++) {
		catalog_media_read(view->media, row, &last);
		media_view_write(view, &json, NULL, row);
	}
	json_write_array_end(&json);
	reply_write_next(view->request, &json, page, CURSOR_MEDIA, has_next, last.created_at, &last.id);
	json_write_object_end(&json);
	reply_json(view->request, 0, &out);
}

// "ready", "ready,failed" …: a set of states; 0 (all but deleted) when absent.
static bool read_states(struct http_request *request, unsigned *ret_states)
{
	const char *text = http_request_query(request, "state");
	enum media_state state;
	*ret_states = 0;
	if (text == NULL)
		return true;
	if (!media_state_parse(text, &state) || state == MEDIA_DELETED) {
		http_respond_problem(
		        request, 400, "invalid-state",
		        "state must be one of awaiting_upload, uploaded, processing, ready, expired, rejected, failed.");
		return false;
	}
	*ret_states = 1u << state;
	return true;
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", "state", NULL };
	unsigned states;
	struct reply_page *page = arena_alloc(http_request_arena(request), sizeof *page);
	if (page == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	if (!http_request_query_only(request, NAMES) || !read_states(request, &states))
		return;
	const char *filters[] = { http_request_query(request, "state") };
	if (!reply_read_page(request, CURSOR_MEDIA, filters, 1, page))
		return;
	struct media_page wanted = { .owner_id = http_request_principal(request)->user_id,
		                     .states = states,
		                     .has_after = page->has_after,
		                     .after_created_at = page->after.sort_key,
		                     .after_id = page->after.id,
		                     .limit = page->limit + 1 };
	struct db_value values[5];
	struct buffer scratch;
	buffer_init(&scratch, 1024);
	catalog_media_list_values(&wanted, &scratch, values);
	media_view_load(request, &catalog_media_list_statement, values, answer, page);
	buffer_done(&scratch);
}

const struct route route_media_list = {
	.method = "GET",
	.path = "/v1/media",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "The caller's media, newest first.",
};
