// GET /v1/changes: what became of the caller's items and media since a client last asked, for apps that work offline.
//
// A page is {"items":[change…], "next_cursor", "since"}: "since" is where to go on, always; next_cursor is the same
// while more is waiting, else null. A change names its object, says "created", "changed" or "deleted", and carries the
// object as it is now. An object changed several times comes once. Created and changed are to be applied alike: an
// object that was missed as created comes as changed. Without ?since= everything that exists is created.
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/settings.h"
#include "catalog/media.h"
#include "db/array.h"
#include "db/pipeline.h"
#include "http/request.h"
#include "http/respond.h"
#include "media/cursor.h"
#include "metadata-api/api.h"
#include "metadata-api/change_statement.h"
#include "metadata-api/item_view.h"
#include "metadata-api/media_view.h"
#include "metadata-api/routes.h"

#define DAY_US INT64_C(86400000000)

// Where a client is: behind this place of this transaction.
struct since {
	int64_t transaction;
	int64_t place;
	int64_t issued_at; // microseconds since the epoch
};

struct change_row {
	struct uuid id;
	bool is_item;
	int64_t transaction;
	int64_t place;
	int64_t made_transaction;
	bool is_deleted;
	int64_t changed_at;
};

// A page on its way; lives in the request's arena.
struct listing {
	struct http_request *request;
	unsigned limit;
	struct since since;
	struct db_result *changes;
	struct db_result *items; // NULL: none are needed
};

static uint64_t filter_of(struct http_request *request)
{
	char owner[UUID_TEXT_SIZE];
	const char *const parts[] = { owner };
	uuid_format(&http_request_principal(request)->user_id, owner);
	return cursor_filter_hash(parts, 1);
}

static void write_since(struct listing *listing, struct json_write *json, int64_t transaction, int64_t place,
                        bool has_more)
{
	struct cursor cursor = { .list = CURSOR_CHANGES,
		                 .sort_key = transaction,
		                 .filter = filter_of(listing->request) };
	const int64_t numbers[] = { place, clock_now_us() };
	char text[CURSOR_TEXT_SIZE];
	_Static_assert(sizeof numbers == sizeof cursor.id.bytes, "both numbers fill the id");
	memcpy(cursor.id.bytes, numbers, sizeof numbers);
	cursor_encode(&api_of(listing->request)->cursor_key, &cursor, text);
	json_write_text(json, "next_cursor", has_more ? text : NULL);
	json_write_text(json, "since", text);
}

// False when the problem has been answered.
static bool read_since(struct http_request *request, struct since *ret_since)
{
	const char *text = http_request_query(request, "since");
	struct err err = { 0 };
	struct cursor cursor;
	int64_t numbers[2];
	*ret_since = (struct since){ .issued_at = clock_now_us() };
	if (text == NULL)
		return true;
	if (cursor_decode(&api_of(request)->cursor_key, text, CURSOR_CHANGES, filter_of(request), &cursor, &err) !=
	    RC_OK) {
		http_respond_problem(request, 400, "invalid-cursor",
		                     "since must be the since of an earlier answer to the same account.");
		return false;
	}
	memcpy(numbers, cursor.id.bytes, sizeof numbers);
	*ret_since = (struct since){ .transaction = cursor.sort_key, .place = numbers[0], .issued_at = numbers[1] };
	return true;
}

static void refuse_since(struct http_request *request)
{
	http_respond_problem(
	        request, 410, "resync",
	        "This since is too old to go on from. Begin again without one, and drop what does not come.");
}

static void read_change(const struct db_result *result, size_t row, struct change_row *ret_change)
{
	*ret_change = (struct change_row){
		.id = db_result_uuid(result, row, 1),
		.is_item = db_result_text(result, row, 2)[0] == 'i',
		.transaction = db_result_int64(result, row, 3),
		.place = db_result_int64(result, row, 4),
		.made_transaction = db_result_int64(result, row, 5),
		.is_deleted = db_result_bool(result, row, 6),
		.changed_at = db_result_time_us(result, row, 7),
	};
}

// Changes found, of which the last may only show that there are more.
static size_t count_changes(const struct listing *listing)
{
	return db_result_is_null(listing->changes, 0, 1) ? 0 : db_result_rows(listing->changes);
}

static size_t count_shown(const struct listing *listing)
{
	size_t count = count_changes(listing);
	return count > listing->limit ? listing->limit : count;
}

// Its row in a result whose first column is the id; false when it is not there (any more).
static bool find_row(const struct db_result *result, const struct uuid *id, size_t *ret_row)
{
	for (size_t row = 0; result != NULL && row < db_result_rows(result); row++) {
		struct uuid at = db_result_uuid(result, row, 0);
		if (uuid_equal(&at, id)) {
			*ret_row = row;
			return true;
		}
	}
	return false;
}

static void write_change(const struct listing *listing, const struct media_view *view, struct json_write *json,
                         const struct change_row *change)
{
	bool is_new = change->made_transaction > listing->since.transaction;
	const struct db_result *objects = change->is_item ? listing->items : view == NULL ? NULL : view->media;
	size_t row = 0;
	char id[UUID_TEXT_SIZE];
	// Of a deleted one made since then the client knows nothing. One that is gone though its change says otherwise
	// was deleted after the page was read: that stands further on.
	if (change->is_deleted ? is_new : !find_row(objects, &change->id, &row))
		return;
	uuid_format(&change->id, id);
	json_write_object_begin(json, NULL);
	json_write_text(json, "kind", change->is_item ? "item" : "media");
	json_write_text(json, "id", id);
	json_write_text(json, "change", change->is_deleted ? "deleted" : is_new ? "created" : "changed");
	json_write_time(json, "changed_at", change->changed_at);
	if (!change->is_deleted && change->is_item) {
		struct item_row item;
		item_read(objects, row, &item);
		json_write_object_begin(json, "item");
		item_view_write_fields(json, &item);
		json_write_object_end(json);
	} else if (!change->is_deleted) {
		media_view_write(view, json, "media", row);
	}
	json_write_object_end(json);
}

// view is NULL when no media are needed.
static void write_page(struct listing *listing, const struct media_view *view)
{
	size_t shown = count_shown(listing);
	bool has_more = count_changes(listing) > shown;
	struct db_result *changes = listing->changes, *items = listing->items;
	// All below the oldest running transaction has been seen.
	struct change_row last = { .transaction = db_result_int64(changes, 0, 0) - 1, .place = INT64_MAX };
	struct buffer out;
	struct json_write json;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "items");
	for (size_t row = 0; row < shown; row++) {
		struct change_row change;
		read_change(changes, row, &change);
		write_change(listing, view, &json, &change);
		if (has_more)
			last = change;
	}
	json_write_array_end(&json);
	write_since(listing, &json, last.transaction, last.place, has_more);
	json_write_object_end(&json);
	http_respond_json(listing->request, 200, &out);
	db_result_free(changes);
	db_result_free(items);
}

static void on_media(struct media_view *view)
{
	write_page(view->context, view);
}

// The living ones of one kind as an array's text; false when there are none.
static bool collect_ids(const struct listing *listing, bool is_item, struct buffer *out)
{
	struct uuid ids[LIMIT_PAGE_ITEMS];
	size_t count = 0;
	for (size_t row = 0; row < count_shown(listing); row++) {
		struct change_row change;
		read_change(listing->changes, row, &change);
		if (change.is_item == is_item && !change.is_deleted)
			ids[count++] = change.id;
	}
	db_array_of_uuids(out, ids, count);
	return count > 0;
}

static void load_media(struct listing *listing)
{
	struct buffer ids;
	buffer_init(&ids, LIMIT_RESPONSE_BYTES);
	if (collect_ids(listing, false, &ids)) {
		const struct db_value values[] = { db_uuid(&http_request_principal(listing->request)->user_id),
			                           db_text(buffer_text(&ids)) };
		media_view_continue(listing->request, &catalog_media_of_ids_statement, values, on_media, listing);
	} else {
		write_page(listing, NULL);
	}
	buffer_done(&ids);
}

static void fail(struct listing *listing, const struct err *err)
{
	struct db_result *changes = listing->changes;
	http_respond_rc(listing->request, err);
	db_result_free(changes);
}

static void on_items(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct listing *listing = context;
	if (failure != NULL) {
		fail(listing, &failure->err);
		return;
	}
	listing->items = result;
	load_media(listing);
}

static void on_changes(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct listing *listing = context;
	struct err err = { 0 };
	if (failure != NULL) {
		http_respond_rc(listing->request, &failure->err);
		return;
	}
	// A position that the database has not reached is another database's: it was restored from a copy.
	if (listing->since.transaction >= db_result_int64(result, 0, 0)) {
		refuse_since(listing->request);
		db_result_free(result);
		return;
	}
	listing->changes = result;
	struct buffer ids;
	buffer_init(&ids, LIMIT_RESPONSE_BYTES);
	if (collect_ids(listing, true, &ids)) {
		const struct db_value values[] = { db_uuid(&http_request_principal(listing->request)->user_id),
			                           db_text(buffer_text(&ids)) };
		if (db_pipeline_submit(api_of(listing->request)->pipeline, &items_of_ids_statement, values, 2,
		                       http_request_deadline(listing->request), on_items, listing, &err) != RC_OK)
			fail(listing, &err);
	} else {
		load_media(listing);
	}
	buffer_done(&ids);
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "since", NULL };
	struct err err = { 0 };
	int64_t limit;
	struct listing *listing = arena_alloc(http_request_arena(request), sizeof *listing);
	if (listing == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	*listing = (struct listing){ .request = request };
	if (!http_request_query_only(request, NAMES) || !read_since(request, &listing->since))
		return;
	if (http_request_query_int(request, "limit", LIMIT_PAGE_ITEMS_DEFAULT, 1, LIMIT_PAGE_ITEMS, &limit, &err) !=
	    RC_OK) {
		http_respond_rc(request, &err);
		return;
	}
	if (clock_now_us() - listing->since.issued_at > api_of(request)->settings->api_changes_days * DAY_US) {
		refuse_since(request);
		return;
	}
	listing->limit = (unsigned)limit;
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id),
		                           db_int64(listing->since.transaction), db_int64(listing->since.place),
		                           db_int64(limit + 1) };
	http_request_defer(request);
	if (db_pipeline_submit(api_of(request)->pipeline, &CHANGES_PAGE, values, 4, http_request_deadline(request),
	                       on_changes, listing, &err) != RC_OK)
		http_respond_rc(request, &err);
}

const struct route route_changes = {
	.method = "GET",
	.path = "/v1/changes",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "What became of the caller's items and media since then.",
};
