// Showing items, and reading their fields.
#include "metadata-api/item_view.h"

#include <string.h>

#include "base/arena.h"
#include "base/json_write.h"
#include "db/pipeline.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/item_columns.h"
#include "metadata-api/media_cards.h"
#include "metadata-api/replica.h"
#include "metadata-api/reply_pieces.h"

static void write_uuid(struct json_write *json, const char *name, const struct uuid *id)
{
	char text[UUID_TEXT_SIZE];
	uuid_format(id, text);
	json_write_text(json, name, text);
}

void item_view_write_fields(struct json_write *json, const struct item_row *item)
{
	write_uuid(json, "id", &item->id);
	json_write_text(json, "title", item->title);
	json_write_text(json, "body", item->body);
	json_write_raw(json, "tags", item->tags, strlen(item->tags));
	json_write_text(json, "visibility", item->visibility);
	if (item->has_cover)
		write_uuid(json, "cover_media_id", &item->cover_media_id);
	else
		json_write_null(json, "cover_media_id");
	json_write_int(json, "version", item->version);
	json_write_time(json, "created_at", item->created_at);
	json_write_time(json, "updated_at", item->updated_at);
}

void item_view_write(const struct media_cards *cards, struct reply_pieces *pieces, const struct item_row *item,
                     size_t first, size_t end)
{
	struct json_write *json = &pieces->json;
	json_write_object_begin(json, NULL);
	item_view_write_fields(json, item);
	json_write_array_begin(json, "media");
	for (size_t row = first; row < end; row++)
		if (cards->items[row].text != NULL)
			reply_pieces_add(pieces, cards->items[row].text);
	json_write_array_end(json);
	json_write_object_end(json);
}

// One item on its way to an answer; lives in the request's arena.
struct item_reading {
	struct http_request *request;
	unsigned status;
};

static void answer(struct media_cards *cards)
{
	const struct item_reading *reading = cards->context;
	struct item_row item;
	struct reply_pieces pieces;
	item_read(cards->rows, 0, &item);
	reply_pieces_init(&pieces, db_result_rows(cards->rows));
	item_view_write(cards, &pieces, &item, 0, db_result_rows(cards->rows));
	if (reading->status == 200)
		reply_pieces_answer(cards->request, item.version, &pieces);
	else
		reply_pieces_answer_as(cards->request, reading->status, &pieces);
}

static void on_item(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct item_reading *reading = context;
	if (failure != NULL) {
		http_respond_rc(reading->request, &failure->err);
		return;
	}
	if (db_result_rows(result) == 0) {
		http_respond_problem(reading->request, 404, "not-found", "There is no such item.");
		db_result_free(result);
		return;
	}
	media_cards_take(reading->request, result, ITEM_COLUMN_COUNT, answer, reading);
}

void item_view_answer(struct http_request *request, const struct uuid *id, unsigned status)
{
	struct err err = { 0 };
	struct item_reading *reading = arena_alloc(http_request_arena(request), sizeof *reading);
	if (reading == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	*reading = (struct item_reading){ .request = request, .status = status };
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id), db_uuid(id) };
	http_request_defer(request);
	enum rc rc = db_pipeline_submit(replica_choose(api_of(request), request), &item_with_media_statement, values, 2,
	                                http_request_deadline(request), on_item, reading, &err);
	if (rc != RC_OK)
		http_respond_rc(request, &err);
}

static bool read_tags(struct http_request *request, struct body *body, struct item_fields *fields)
{
	fields->tag_count = body_array(body, "tags", BODY_OPTIONAL, 0, LIMIT_ITEM_TAGS);
	if (!body_has(body, "tags"))
		return true;
	const char **tags = arena_alloc(http_request_arena(request), (fields->tag_count + 1) * sizeof *tags);
	if (tags == NULL)
		return false;
	for (size_t i = 0; i < fields->tag_count; i++)
		tags[i] = body_array_text(body, "tags", i, 1, LIMIT_TAG_BYTES);
	fields->tags = tags;
	return true;
}

bool item_view_read_fields(struct http_request *request, struct item_fields *ret_fields)
{
	static const char *const VISIBILITIES[] = { "private", "shared", "public", NULL };
	struct body *body = body_open(request);
	if (body == NULL)
		return false;
	struct item_fields fields = {
		.title = body_text(body, "title", BODY_OPTIONAL, 0, LIMIT_TITLE_BYTES),
		.body = body_text(body, "body", BODY_OPTIONAL, 0, LIMIT_ITEM_BODY_BYTES),
		.has_cover = body_has(body, "cover_media_id"),
	};
	int visibility = body_choice(body, "visibility", BODY_OPTIONAL, VISIBILITIES, -1);
	struct uuid *cover = arena_alloc(http_request_arena(request), sizeof *cover);
	if (cover == NULL || !read_tags(request, body, &fields)) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return false;
	}
	if (body_uuid(body, "cover_media_id", BODY_NULLABLE, cover))
		fields.cover_media_id = cover;
	if (!body_finish(body))
		return false;
	if (visibility >= 0)
		fields.visibility = VISIBILITIES[visibility];
	*ret_fields = fields;
	return true;
}

void item_view_fail(struct http_request *request, const struct err *err)
{
	if (err->rc == RC_NOT_FOUND)
		http_respond_problem(request, 404, "not-found", "There is no such item.");
	else if (err->rc == RC_CONFLICT && http_request_header(request, "If-Match") != NULL)
		http_respond_problem(request, 412, "version-mismatch", "%s", err->text);
	else
		http_respond_rc(request, err);
}
