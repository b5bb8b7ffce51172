// From rows to texts.
#include "metadata-api/media_cards.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "catalog/media.h"
#include "catalog/media_json.h"
#include "db/array.h"
#include "db/pipeline.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/media_view.h"
#include "metadata-api/variant_view.h"

// The page lies in the request's arena, which goes with the answer; what it owns goes after that.
static void free_parts(const struct media_cards *cards)
{
	for (size_t row = 0; cards->items != NULL && row < db_result_rows(cards->rows); row++)
		variant_text_release(cards->items[row].text);
	free(cards->items);
	db_result_free(cards->rows);
	db_result_free(cards->media);
}

static void finish(struct media_cards *cards)
{
	struct media_cards owned = *cards;
	cards->done(cards);
	free_parts(&owned);
}

static void fail(struct media_cards *cards, const struct err *err)
{
	struct media_cards owned = *cards;
	http_respond_rc(cards->request, err);
	free_parts(&owned);
}

static void fail_without_memory(struct media_cards *cards)
{
	fail(cards, &(struct err){ .rc = RC_NO_MEMORY });
}

// ---- media without a text -------------------------------------------------------------------------------------------

static const struct variant_text *write_text(const struct media_cards *cards, const struct media_row *media,
                                             const struct db_result *variants, const struct variant_key *key)
{
	const struct variant_text *text = NULL;
	struct buffer out;
	struct json_write json;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	catalog_media_write(&json, media);
	variant_view_write(cards->api, variants, media, key->expiry, &json, NULL);
	json_write_object_end(&json);
	if (buffer_ok(&out))
		text = variant_text_new(key, buffer_text(&out), out.length);
	if (text != NULL && variant_view_is_of_version(variants, media))
		variant_cache_keep(cards->api->variants, text);
	buffer_done(&out);
	return text;
}

// Give the text to every row that names the media.
static void hand_out(struct media_cards *cards, const struct uuid *media_id, const struct variant_text *text)
{
	for (size_t row = 0; row < db_result_rows(cards->rows); row++) {
		struct media_card *place = &cards->items[row];
		if (place->text != NULL || !uuid_equal(&place->key.media_id, media_id))
			continue;
		variant_text_hold(text);
		place->text = text;
	}
}

static void on_variants(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct media_cards *cards = context;
	bool good = true;
	if (failure != NULL) {
		fail(cards, &failure->err);
		return;
	}
	for (size_t row = 0; good && row < db_result_rows(cards->media); row++) {
		struct media_row media;
		catalog_media_read(cards->media, row, &media);
		// It may have changed since the page was read: its own version names the text.
		const struct variant_key key = {
			.media_id = media.id,
			.version = media.version,
			.expiry = media_view_expiry(
			        &(struct media_audience){ .url_seconds = cards->api->settings->cdn_url_seconds },
			        &media.id),
			.is_media = true,
		};
		const struct variant_text *text = write_text(cards, &media, result, &key);
		good = text != NULL;
		if (good)
			hand_out(cards, &media.id, text);
		variant_text_release(text);
	}
	db_result_free(result);
	if (good)
		finish(cards);
	else
		fail_without_memory(cards);
}

// Submit a statement about the media `ids`, of theirs or of their owner.
static void ask(struct media_cards *cards, const struct db_statement *statement, const struct uuid *ids, size_t count,
                db_callback *callback)
{
	struct err err = { 0 };
	struct buffer text;
	buffer_init(&text, LIMIT_RESPONSE_BYTES);
	db_array_of_uuids(&text, ids, count);
	const struct db_value owned[] = { db_uuid(&http_request_principal(cards->request)->user_id),
		                          db_text(buffer_text(&text)) };
	enum rc rc = db_pipeline_submit(cards->api->pipeline, statement,
	                                statement->parameter_count == 2 ? owned : owned + 1, statement->parameter_count,
	                                http_request_deadline(cards->request), callback, cards, &err);
	buffer_done(&text);
	if (rc != RC_OK)
		fail(cards, &err);
}

static void on_media(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct media_cards *cards = context;
	if (failure != NULL) {
		fail(cards, &failure->err);
		return;
	}
	cards->media = result;
	size_t count = db_result_rows(result);
	struct uuid *ids = arena_alloc(http_request_arena(cards->request), (count + 1) * sizeof *ids);
	if (ids == NULL) {
		fail_without_memory(cards);
		return;
	}
	for (size_t row = 0; row < count; row++)
		ids[row] = db_result_uuid(result, row, 0);
	if (count == 0) // they went meanwhile
		finish(cards);
	else
		ask(cards, &catalog_variants_statement, ids, count, on_variants);
}

// ---- the page -------------------------------------------------------------------------------------------------------

// Take the texts that are kept; the ids of the other media go into ret_missing. Returns their number.
static size_t find_texts(struct media_cards *cards, size_t media_at, struct uuid *ret_missing)
{
	const struct media_audience owner = { .url_seconds = cards->api->settings->cdn_url_seconds };
	size_t missing = 0;
	for (size_t row = 0; row < db_result_rows(cards->rows); row++) {
		struct media_card *place = &cards->items[row];
		if (db_result_is_null(cards->rows, row, media_at))
			continue;
		place->key.media_id = db_result_uuid(cards->rows, row, media_at);
		place->key.version = db_result_int64(cards->rows, row, media_at + 1);
		place->key.expiry = media_view_expiry(&owner, &place->key.media_id);
		place->key.is_media = true;
		place->text = variant_cache_find(cards->api->variants, &place->key);
		if (place->text == NULL)
			ret_missing[missing++] = place->key.media_id;
	}
	return missing;
}

void media_cards_take(struct http_request *request, struct db_result *taken, size_t media_at,
                      void (*done)(struct media_cards *cards), void *context)
{
	struct media_cards *cards = arena_alloc(http_request_arena(request), sizeof *cards);
	if (cards == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		db_result_free(taken);
		return;
	}
	*cards = (struct media_cards){
		.request = request, .api = api_of(request), .rows = taken, .done = done, .context = context
	};
	size_t rows = db_result_rows(taken), missing = 0;
	struct uuid *ids = NULL;
	if (rows > 0) {
		ids = arena_alloc(http_request_arena(request), rows * sizeof *ids);
		cards->items = calloc(rows, sizeof *cards->items);
		if (ids == NULL || cards->items == NULL) {
			fail_without_memory(cards);
			return;
		}
		missing = find_texts(cards, media_at, ids);
	}
	if (missing == 0)
		finish(cards);
	else
		ask(cards, &catalog_media_of_ids_statement, ids, missing, on_media);
}
