// GET /v1/search: the caller's items that have all words of q, best first.
//
// Blocks on a connection of the pool, not in a shared pipeline: a slow search holds up nobody but searches.
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/settings.h"
#include "db/pool.h"
#include "http/request.h"
#include "http/respond.h"
#include "media/state.h"
#include "metadata-api/api.h"
#include "metadata-api/item_columns.h"
#include "metadata-api/item_page.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

#define QUESTION_BYTES 256
// Behind the columns of the item and its cover.
#define RANK_COLUMN ITEM_AND_COVER_COLUMN_COUNT

// $1 owner, $2 question, $3 tag, $4 kind, $5 and $6 behind which rank and item, $7 limit.
static const struct db_statement SEARCH = {
	.name = "search",
	.sql = "SELECT " ITEM_AND_COVER_COLUMNS ", s.rank FROM search_items($1, $2, $3, $4, $5, $6, $7) s "
	       "JOIN items i ON i.id = s.item_id AND i.owner_id = $1 AND i.deleted_at IS NULL " ITEM_COVER(
	               "$1") "ORDER BY s.rank DESC, s.item_id DESC",
	.parameter_count = 7,
	.read_only = true,
};

static int64_t rank_of(const struct db_result *result, size_t row)
{
	return db_result_int64(result, row, RANK_COLUMN);
}

// The earlier of the request's deadline and the longest that a search may take.
static struct deadline search_deadline(struct http_request *request)
{
	struct deadline request_end = http_request_deadline(request);
	struct deadline search_end = deadline_after_ms(api_of(request)->live.search_ms);
	return search_end.at_us < request_end.at_us ? search_end : request_end;
}

static enum rc find(struct http_request *request, const char *const filters[3], const struct reply_page *page,
                    struct db_result **ret_result, struct err *err)
{
	static const struct uuid last = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		                            255 } };
	struct api *api = api_of(request);
	struct deadline deadline = search_deadline(request);
	struct db_connection *connection;
	const struct db_value values[] = {
		db_uuid(&http_request_principal(request)->user_id),
		db_text(filters[0]),
		db_text(filters[1]),
		db_text(filters[2]),
		db_int64(page->has_after ? page->after.sort_key : INT64_MAX),
		db_uuid(page->has_after ? &page->after.id : &last),
		db_int64(page->limit + 1),
	};
	enum rc rc = db_pool_acquire(api->pool, deadline, &connection, err);
	if (rc != RC_OK)
		return rc;
	rc = db_execute(connection, &SEARCH, values, 7, deadline, ret_result, err);
	db_pool_release(api->pool, connection);
	return rc;
}

// False when 400 has been answered.
static bool check_filters(struct http_request *request, const char *const filters[3])
{
	enum media_kind kind;
	if (filters[0] == NULL || filters[0][0] == '\0' || strlen(filters[0]) > QUESTION_BYTES) {
		http_respond_problem(request, 400, "invalid-query", "q must have 1 to %d bytes.", QUESTION_BYTES);
		return false;
	}
	if (filters[1] != NULL && (filters[1][0] == '\0' || strlen(filters[1]) > LIMIT_TAG_BYTES)) {
		http_respond_problem(request, 400, "invalid-filter", "tag must have 1 to %d bytes.", LIMIT_TAG_BYTES);
		return false;
	}
	if (filters[2] != NULL && !media_kind_parse(filters[2], &kind)) {
		http_respond_problem(request, 400, "invalid-filter",
		                     "kind must be one of photo, animation, document, file.");
		return false;
	}
	return true;
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "q", "tag", "kind", "limit", "cursor", NULL };
	const char *const filters[] = { http_request_query(request, "q"), http_request_query(request, "tag"),
		                        http_request_query(request, "kind") };
	struct err err = { 0 };
	struct db_result *result;
	struct reply_page *page = arena_alloc(http_request_arena(request), sizeof *page);
	if (page == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	if (!http_request_query_only(request, NAMES) || !check_filters(request, filters) ||
	    !reply_read_page(request, CURSOR_SEARCH, filters, 3, page))
		return;
	if (find(request, filters, page, &result, &err) != RC_OK) {
		http_respond_rc(request, &err);
		return;
	}
	http_request_defer(request);
	item_page_answer(request, result, page, CURSOR_SEARCH, rank_of);
}

const struct route route_search = {
	.method = "GET",
	.path = "/v1/search",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "The caller's items that have the words of a question.",
};
