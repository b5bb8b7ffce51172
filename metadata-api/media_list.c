// GET /v1/media: the caller's media, newest first, or those of one item in its order.
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

// A listing on its way; lives in the request's arena.
struct listing {
	struct reply_page page;
	struct media_page wanted;
};

static void answer(struct media_view *view)
{
	const struct listing *listing = view->context;
	const struct reply_page *page = &listing->page;
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
	reply_write_next(view->request, &json, page, CURSOR_MEDIA, has_next,
	                 listing->wanted.has_item ? last.position : last.created_at, &last.id);
	json_write_object_end(&json);
	reply_json(view->request, 0, &out);
}

// ?state=, ?kind= and ?item_id= into *ret_wanted. False when 400 has been answered.
static bool read_filters(struct http_request *request, struct media_page *ret_wanted)
{
	const char *state_text = http_request_query(request, "state");
	const char *item_text = http_request_query(request, "item_id");
	enum media_state state = MEDIA_READY;
	enum media_kind kind;
	struct media_page wanted = { .owner_id = http_request_principal(request)->user_id,
		                     .kind = http_request_query(request, "kind"),
		                     .has_item = item_text != NULL };
	if (state_text != NULL && (!media_state_parse(state_text, &state) || state == MEDIA_DELETED)) {
		http_respond_problem(
		        request, 400, "invalid-state",
		        "state must be one of awaiting_upload, uploaded, processing, ready, expired, rejected, failed.");
		return false;
	}
	if (wanted.kind != NULL && !media_kind_parse(wanted.kind, &kind)) {
		http_respond_problem(request, 400, "invalid-filter",
		                     "kind must be one of photo, animation, document, file.");
		return false;
	}
	if (item_text != NULL && !uuid_parse(item_text, &wanted.item_id)) {
		http_respond_problem(request, 400, "invalid-filter", "item_id must be a UUID.");
		return false;
	}
	wanted.states = state_text == NULL ? 0 : 1u << state;
	*ret_wanted = wanted;
	return true;
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", "state", "kind", "item_id", NULL };
	struct listing *listing = arena_alloc(http_request_arena(request), sizeof *listing);
	if (listing == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	if (!http_request_query_only(request, NAMES) || !read_filters(request, &listing->wanted))
		return;
	const char *filters[] = { http_request_query(request, "state"), http_request_query(request, "kind"),
		                  http_request_query(request, "item_id") };
	if (!reply_read_page(request, CURSOR_MEDIA, filters, 3, &listing->page))
		return;
	struct media_page *wanted = &listing->wanted;
	wanted->has_after = listing->page.has_after;
	wanted->after_created_at = listing->page.after.sort_key;
	wanted->after_position = (int32_t)listing->page.after.sort_key;
	wanted->after_id = listing->page.after.id;
	wanted->limit = listing->page.limit + 1;
	struct db_value values[CATALOG_MEDIA_PAGE_VALUES];
	struct buffer scratch;
	buffer_init(&scratch, 1024);
	const struct db_statement *statement = catalog_media_page(wanted, &scratch, values);
	media_view_load(request, statement, values, answer, listing);
	buffer_done(&scratch);
}

const struct route route_media_list = {
	.method = "GET",
	.path = "/v1/media",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "The caller's media, newest first, or those of one item in its order.",
};
