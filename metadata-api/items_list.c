// GET /v1/items: the caller's items by time, each with its cover inline: a client draws the list from one answer.
#include <string.h>

#include "base/arena.h"
#include "db/pipeline.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/item_columns.h"
#include "metadata-api/item_list_store.h"
#include "metadata-api/item_page.h"
#include "metadata-api/replica.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

// A listing on its way; lives in the request's arena.
struct listing {
	struct http_request *request;
	struct reply_page page;
	struct item_page wanted;
};

static int64_t created_at_of(const struct db_result *result, size_t row)
{
	return db_result_time_us(result, row, ITEM_COLUMN_CREATED_AT);
}

static int64_t updated_at_of(const struct db_result *result, size_t row)
{
	return db_result_time_us(result, row, ITEM_COLUMN_UPDATED_AT);
}

static void on_items(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct listing *listing = context;
	if (failure != NULL) {
		http_respond_rc(listing->request, &failure->err);
		return;
	}
	item_page_answer(listing->request, result, &listing->page, CURSOR_ITEMS,
	                 listing->wanted.sort == ITEM_SORT_CREATED ? created_at_of : updated_at_of);
}

// The index of the parameter among the choices; 0 when it is absent, -1 when 400 has been answered.
static int read_choice(struct http_request *request, const char *name, const char *const *choices, const char *listed)
{
	const char *text = http_request_query(request, name);
	for (int i = 0; text != NULL && choices[i] != NULL; i++)
		if (strcmp(text, choices[i]) == 0)
			return i;
	if (text == NULL)
		return 0;
	http_respond_problem(request, 400, "invalid-filter", "%s must be %s.", name, listed);
	return -1;
}

// The filters and the page. False when 400 has been answered.
static bool read_listing(struct http_request *request, struct listing *listing)
{
	static const char *const NAMES[] = { "limit", "cursor", "tag", "visibility", "sort", "order", NULL };
	static const char *const SORTS[] = { "created_at", "updated_at", NULL };
	static const char *const ORDERS[] = { "desc", "asc", NULL };
	static const char *const VISIBILITIES[] = { "private", "shared", "public", NULL };
	const char *tag = http_request_query(request, "tag");
	int sort, order;
	if (!http_request_query_only(request, NAMES) ||
	    read_choice(request, "visibility", VISIBILITIES, "private, shared or public") < 0 ||
	    (sort = read_choice(request, "sort", SORTS, "created_at or updated_at")) < 0 ||
	    (order = read_choice(request, "order", ORDERS, "desc or asc")) < 0)
		return false;
	if (tag != NULL && (tag[0] == '\0' || strlen(tag) > LIMIT_TAG_BYTES)) {
		http_respond_problem(request, 400, "invalid-filter", "tag must have 1 to %d bytes.", LIMIT_TAG_BYTES);
		return false;
	}
	const char *const filters[] = { tag, http_request_query(request, "visibility"), SORTS[sort], ORDERS[order] };
	if (!reply_read_page(request, CURSOR_ITEMS, filters, 4, &listing->page))
		return false;
	listing->wanted = (struct item_page){
		.owner_id = http_request_principal(request)->user_id,
		.tag = tag,
		.visibility = filters[1],
		.sort = sort == 0 ? ITEM_SORT_CREATED : ITEM_SORT_UPDATED,
		.is_ascending = order == 1,
		.has_after = listing->page.has_after,
		.after_time = listing->page.after.sort_key,
		.after_id = listing->page.after.id,
		.limit = listing->page.limit + 1,
	};
	return true;
}

static void handle(struct http_request *request)
{
	struct err err = { 0 };
	struct listing *listing = arena_alloc(http_request_arena(request), sizeof *listing);
	if (listing == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	*listing = (struct listing){ .request = request };
	if (!read_listing(request, listing))
		return;
	struct db_value values[ITEM_PAGE_VALUES];
	const struct db_statement *statement = item_page_statement(&listing->wanted, values);
	http_request_defer(request);
	if (db_pipeline_submit(replica_choose(api_of(request), request), statement, values, statement->parameter_count,
	                       http_request_deadline(request), on_items, listing, &err) != RC_OK)
		http_respond_rc(request, &err);
}

const struct route route_items_list = {
	.method = "GET",
	.path = "/v1/items",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "The caller's items by time, with their covers.",
};
