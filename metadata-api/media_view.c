// Loading media and variants, and writing them with their delivery URLs.
#include "metadata-api/media_view.h"

#include <stdlib.h>
#include <string.h>

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
#include "metadata-api/media_offers.h"
#include "metadata-api/replica.h"
#include "metadata-api/reply.h"
#include "metadata-api/variant_cache.h"
#include "metadata-api/variant_view.h"

// The variants of a row as text, and under which name it is kept.
struct media_text {
	struct variant_key key;
	const struct variant_text *text; // NULL: is written from view->variants
};

static void free_parts(struct db_result *media, struct db_result *variants, struct media_text *texts)
{
	for (size_t row = 0; texts != NULL && row < db_result_rows(media); row++)
		variant_text_release(texts[row].text);
	free(texts);
	db_result_free(media);
	db_result_free(variants);
}

static void view_finish(struct media_view *view)
{
	// done answers, after which the view (in the request's arena) is gone.
	struct db_result *media = view->media, *variants = view->variants;
	struct media_text *texts = view->texts;
	view->done(view);
	free_parts(media, variants, texts);
}

static void view_fail(struct media_view *view, const struct err *err)
{
	struct db_result *media = view->media;
	struct media_text *texts = view->texts;
	http_respond_rc(view->request, err);
	free_parts(media, NULL, texts);
}

static void on_variants(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct media_view *view = context;
	if (failure != NULL) {
		view_fail(view, &failure->err);
		return;
	}
	view->variants = result;
	view_finish(view);
}

static void load_variants(struct media_view *view, const struct uuid *media_ids, size_t count)
{
	struct err err = { 0 };
	struct buffer ids;
	buffer_init(&ids, LIMIT_RESPONSE_BYTES);
	db_array_of_uuids(&ids, media_ids, count);
	const struct db_value values[] = { db_text(buffer_text(&ids)) };
	enum rc rc = db_pipeline_submit(view->api->pipeline, &catalog_variants_statement, values, 1,
	                                http_request_deadline(view->request), on_variants, view, &err);
	buffer_done(&ids);
	if (rc != RC_OK)
		view_fail(view, &err);
}

int64_t media_view_expiry(const struct media_audience *audience, const struct uuid *media_id)
{
	int64_t expiry = delivery_expiry(clock_now_us() / 1000000, audience->url_seconds, media_id);
	return audience->latest_expiry > 0 && audience->latest_expiry < expiry ? audience->latest_expiry : expiry;
}

// Take the texts that are kept; the ids of the other media go into ret_missing. Returns their number.
static size_t find_texts(struct media_view *view, struct uuid *ret_missing)
{
	size_t missing = 0;
	for (size_t row = 0; row < db_result_rows(view->media); row++) {
		struct media_text *text = &view->texts[row];
		struct variant_key *key = &text->key;
		catalog_media_read_key(view->media, row, &key->media_id, &key->version);
		key->expiry = media_view_expiry(&view->audience, &key->media_id);
		text->text = variant_cache_find(view->api->variants, key);
		if (text->text == NULL)
			ret_missing[missing++] = key->media_id;
	}
	return missing;
}

// The media are there: go on with their variants.
static void view_go_on(struct media_view *view)
{
	size_t rows = db_result_rows(view->media), missing = 0;
	struct uuid *ids = NULL;
	if (rows > 0) {
		ids = arena_alloc(http_request_arena(view->request), rows * sizeof *ids);
		view->texts = calloc(rows, sizeof *view->texts);
		if (ids == NULL || view->texts == NULL) {
			view_fail(view, &(struct err){ .rc = RC_NO_MEMORY });
			return;
		}
		missing = find_texts(view, ids);
	}
	if (missing == 0)
		view_finish(view);
	else
		load_variants(view, ids, missing);
}

static void on_media(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct media_view *view = context;
	if (failure != NULL) {
		view_fail(view, &failure->err);
		return;
	}
	view->media = result;
	view_go_on(view);
}

// In the request's arena. NULL: no memory.
static struct media_view *view_new(struct http_request *request, void (*done)(struct media_view *view), void *context)
{
	struct media_view *view = arena_alloc(http_request_arena(request), sizeof *view);
	const struct api *api = api_of(request);
	if (view != NULL)
		*view = (struct media_view){ .request = request,
			                     .api = api,
			                     .audience = { .url_seconds = api->settings->cdn_url_seconds },
			                     .done = done,
			                     .context = context };
	return view;
}

void media_view_continue(struct http_request *request, const struct db_statement *statement,
                         const struct db_value *values, void (*done)(struct media_view *view), void *context)
{
	struct err err = { 0 };
	struct media_view *view = view_new(request, done, context);
	enum rc rc = RC_NO_MEMORY;
	if (view != NULL)
		rc = db_pipeline_submit(replica_choose(api_of(request), request), statement, values,
		                        statement->parameter_count, http_request_deadline(request), on_media, view,
		                        &err);
	if (rc != RC_OK) {
		err.rc = rc;
		http_respond_rc(request, &err);
	}
}

void media_view_load(struct http_request *request, const struct db_statement *statement, const struct db_value *values,
                     void (*done)(struct media_view *view), void *context)
{
	http_request_defer(request);
	media_view_continue(request, statement, values, done, context);
}

void media_view_write(const struct media_view *view, struct json_write *json, const char *name, size_t row)
{
	struct media_row media;
	catalog_media_read(view->media, row, &media);
	json_write_object_begin(json, name);
	if (view->audience.is_shared)
		catalog_media_write_shared(json, &media);
	else
		catalog_media_write(json, &media);
	if (view->audience.sees_exif && media.exif != NULL)
		json_write_raw(json, "exif", media.exif, strlen(media.exif));
	else if (view->audience.sees_exif)
		json_write_null(json, "exif");
	int64_t expiry =
	        view->texts == NULL ? media_view_expiry(&view->audience, &media.id) : view->texts[row].key.expiry;
	if (view->texts == NULL) {
		variant_view_write(view->api, view->variants, &media, expiry, json, NULL);
	} else if (view->texts[row].text != NULL) {
		json_write_raw(json, NULL, view->texts[row].text->text, view->texts[row].text->length);
	} else {
		variant_view_write(view->api, view->variants, &media, expiry, json, &view->texts[row].key);
	}
	// Beside the text that many share: it is only for who may have it.
	if (view->audience.is_shared && view->audience.with_original && media_offers_has_original(&media)) {
		json_write_object_begin(json, "original");
		media_offers_write_original(json, view->api, &media, NULL, expiry);
		json_write_object_end(json);
	}
	json_write_object_end(json);
}

static void answer_one(struct media_view *view)
{
	if (db_result_rows(view->media) == 0) {
		http_respond_problem(view->request, 404, "not-found", "There is no such media.");
		return;
	}
	struct media_row media;
	struct buffer out;
	struct json_write json;
	view->audience.sees_exif = true;
	catalog_media_read(view->media, 0, &media);
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	media_view_write(view, &json, NULL, 0);
	reply_json(view->request, media.version, &out);
}

void media_view_answer(struct http_request *request, const struct uuid *id)
{
	struct db_value values[2];
	catalog_media_find_values(&http_request_principal(request)->user_id, id, values);
	media_view_load(request, &catalog_media_find_own_statement, values, answer_one, NULL);
}
