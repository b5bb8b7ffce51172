// Reading a page and writing it.
#include "metadata-api/listing.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/replica.h"
#include "metadata-api/reply.h"

struct listing {
	struct http_request *request;
	const struct listing_kind *kind;
	struct reply_page page;
	struct uuid object_id; // of kind->is_of_object
};

void listing_write_uuid(struct json_write *json, const char *name, const struct db_result *result, size_t row,
                        size_t column)
{
	char text[UUID_TEXT_SIZE];
	struct uuid id = db_result_uuid(result, row, column);
	uuid_format(&id, text);
	json_write_text(json, name, db_result_is_null(result, row, column) ? NULL : text);
}

static void write_page(struct listing *listing, const struct db_result *result)
{
	const struct listing_kind *kind = listing->kind;
	size_t rows = db_result_rows(result);
	if (kind->is_of_object && rows > 0 && db_result_is_null(result, 0, 0))
		rows = 0;
	bool has_next = rows > listing->page.limit;
	if (has_next)
		rows = listing->page.limit;
	struct buffer out;
	struct json_write json;
	struct uuid last = { 0 };
	int64_t sort_key = 0;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "items");
	for (size_t row = 0; row < rows; row++) {
		json_write_object_begin(&json, NULL);
		kind->write_row(listing->request, &json, result, row);
		json_write_object_end(&json);
	}
	if (rows > 0) {
		last = db_result_uuid(result, rows - 1, 0);
		sort_key = kind->sorts_by_time ? db_result_time_us(result, rows - 1, 1)
		                               : db_result_int64(result, rows - 1, 1);
	}
	json_write_array_end(&json);
	reply_write_next(listing->request, &json, &listing->page, kind->list, has_next, sort_key, &last);
	json_write_object_end(&json);
	reply_json(listing->request, 0, &out);
}

static void on_rows(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct listing *listing = context;
	if (failure != NULL) {
		http_respond_rc(listing->request, &failure->err);
		return;
	}
	if (listing->kind->is_of_object && db_result_rows(result) == 0)
		http_respond_problem(listing->request, 404, "not-found", "There is nothing with this id.");
	else
		write_page(listing, result);
	db_result_free(result);
}

void listing_answer(struct http_request *request, const struct listing_kind *kind)
{
	struct err err = { 0 };
	struct listing *listing = arena_alloc(http_request_arena(request), sizeof *listing);
	if (listing == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	*listing = (struct listing){ .request = request, .kind = kind };
	if (kind->is_of_object && !http_request_parameter_uuid(request, "id", &listing->object_id))
		return;
	const char *const filters[] = { kind->is_of_object ? http_request_parameter(request, "id") : kind->scope };
	if (!reply_read_page(request, kind->list, filters, filters[0] == NULL ? 0 : 1, &listing->page))
		return;
	const struct reply_page *page = &listing->page;
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id),
		                           db_bool(page->has_after),
		                           kind->sorts_by_time ? db_time_us(page->after.sort_key)
		                                               : db_int64(page->after.sort_key),
		                           db_uuid(&page->after.id),
		                           db_int64(page->limit + 1),
		                           db_uuid(&listing->object_id) };
	http_request_defer(request);
	if (db_pipeline_submit(replica_choose(api_of(request), request), kind->statement, values,
	                       kind->is_of_object ? 6 : 5, http_request_deadline(request), on_rows, listing,
	                       &err) != RC_OK)
		http_respond_rc(request, &err);
}
