// GET /v1/media/{id}/similar: the caller's media that look like one of theirs, nearest first.
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

// Bits of 64 by which copies of one picture, in another size, quality or format, may differ.
#define DISTANCE 6

// A question on its way; lives in the request's arena.
struct question {
	struct reply_page page;
	struct media_similar_page wanted;
};

static void answer(struct media_view *view)
{
	const struct question *question = view->context;
	const struct reply_page *page = &question->page;
	size_t rows = db_result_rows(view->media);
	if (rows == 0) {
		http_respond_problem(view->request, 404, "not-found", "There is no such media.");
		return;
	}
	bool has_next = rows - 1 > page->limit;
	struct media_row last = { 0 };
	int64_t distance = 0;
	struct buffer out;
	struct json_write json;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "items");
	for (size_t row = 1; row < rows - (has_next ? 1 : 0); row++) {
		catalog_media_read(view->media, row, &last);
		distance = catalog_media_similar_distance(view->media, row);
		json_write_object_begin(&json, NULL);
		json_write_int(&json, "distance", distance);
		media_view_write(view, &json, "media", row);
		json_write_object_end(&json);
	}
	json_write_array_end(&json);
	reply_write_next(view->request, &json, page, CURSOR_SIMILAR, has_next, distance, &last.id);
	json_write_object_end(&json);
	reply_json(view->request, 0, &out);
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "distance", "limit", "cursor", NULL };
	const char *filters[] = { http_request_parameter(request, "id"), http_request_query(request, "distance") };
	struct question *question = arena_alloc(http_request_arena(request), sizeof *question);
	struct uuid id;
	int64_t distance;
	struct err err = { 0 };
	if (question == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	if (!http_request_parameter_uuid(request, "id", &id) || !http_request_query_only(request, NAMES))
		return;
	if (http_request_query_int(request, "distance", DISTANCE, 0, CATALOG_SIMILAR_DISTANCE_MOST, &distance, &err) !=
	    RC_OK) {
		http_respond_rc(request, &err);
		return;
	}
	if (!reply_read_page(request, CURSOR_SIMILAR, filters, 2, &question->page))
		return;
	question->wanted = (struct media_similar_page){ .owner_id = http_request_principal(request)->user_id,
		                                        .media_id = id,
		                                        .distance = (unsigned)distance,
		                                        .has_after = question->page.has_after,
		                                        .after_distance = question->page.after.sort_key,
		                                        .after_id = question->page.after.id,
		                                        .limit = question->page.limit + 1 };
	struct db_value values[6];
	catalog_media_similar_values(&question->wanted, values);
	media_view_load(request, &catalog_media_similar_statement, values, answer, question);
}

const struct route route_media_similar = {
	.method = "GET",
	.path = "/v1/media/{id}/similar",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "The caller's media that look like this one.",
};
