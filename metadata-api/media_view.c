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
#include "media/preset_set.h"
#include "metadata-api/api.h"
#include "metadata-api/media_offers.h"
#include "metadata-api/reply.h"

#define SRCSET_BYTES (16 * 1024)

static void view_finish(struct media_view *view)
{
	// done answers, after which the view (in the request's arena) is gone.
	struct db_result *media = view->media, *variants = view->variants;
	view->done(view);
	db_result_free(media);
	db_result_free(variants);
}

static void view_fail(struct media_view *view, const struct err *err)
{
	struct db_result *media = view->media;
	http_respond_rc(view->request, err);
	db_result_free(media);
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

static void load_variants(struct media_view *view)
{
	struct api *api = api_of(view->request);
	struct err err = { 0 };
	struct buffer ids;
	size_t count = db_result_rows(view->media);
	struct uuid *media_ids = arena_alloc(http_request_arena(view->request), count * sizeof *media_ids);
	buffer_init(&ids, LIMIT_RESPONSE_BYTES);
	enum rc rc = RC_NO_MEMORY;
	if (media_ids != NULL) {
		for (size_t row = 0; row < count; row++) {
			struct media_row media;
			catalog_media_read(view->media, row, &media);
			media_ids[row] = media.id;
		}
		db_array_of_uuids(&ids, media_ids, count);
		const struct db_value values[] = { db_text(buffer_text(&ids)) };
		rc = db_pipeline_submit(api->pipeline, &catalog_variants_statement, values, 1,
		                        http_request_deadline(view->request), on_variants, view, &err);
	}
	buffer_done(&ids);
	if (rc != RC_OK) {
		err.rc = rc;
		view_fail(view, &err);
	}
}

static void on_media(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct media_view *view = context;
	if (failure != NULL) {
		view_fail(view, &failure->err);
		return;
	}
	view->media = result;
	if (db_result_rows(result) == 0)
		view_finish(view);
	else
		load_variants(view);
}

void media_view_continue(struct http_request *request, const struct db_statement *statement,
                         const struct db_value *values, void (*done)(struct media_view *view), void *context)
{
	struct err err = { 0 };
	struct media_view *view = arena_alloc(http_request_arena(request), sizeof *view);
	enum rc rc = RC_NO_MEMORY;
	if (view != NULL) {
		const struct api *api = api_of(request);
		*view = (struct media_view){ .request = request,
			                     .api = api,
			                     .audience = { .url_seconds = api->settings->cdn_url_seconds },
			                     .done = done,
			                     .context = context };
		rc = db_pipeline_submit(api_of(request)->pipeline, statement, values, statement->parameter_count,
		                        http_request_deadline(request), on_media, view, &err);
	}
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

// The delivery URL of a published variant.
static void append_url(struct buffer *out, const struct api *api, const struct variant_row *variant, int64_t expiry)
{
	struct delivery_grant grant = { .media_id = variant->media_id,
		                        .generation = variant->generation,
		                        .format = variant->format,
		                        .expiry = expiry };
	memcpy(grant.variant, variant->name, strnlen(variant->name, sizeof grant.variant - 1));
	media_offers_append_url(out, api, &grant);
}

static const char *const VARIANT_STATES[] = {
	[VARIANT_PENDING] = "pending", [VARIANT_READY] = "ready", [VARIANT_FAILED] = "failed"
};

static void write_variant(struct json_write *json, const struct api *api, const struct variant_row *variant,
                          int64_t expiry, struct buffer *scratch)
{
	json_write_object_begin(json, NULL);
	json_write_text(json, "name", variant->name);
	json_write_text(json, "format", media_format_info(variant->format)->name);
	json_write_text(json, "state", VARIANT_STATES[variant->state]);
	if (variant->state == VARIANT_FAILED)
		json_write_text(json, "reason", media_reason_name(variant->reason));
	json_write_int(json, "width", variant->width);
	json_write_int(json, "height", variant->height);
	json_write_int(json, "bytes", variant->bytes);
	if (variant->state == VARIANT_READY) {
		buffer_clear(scratch);
		append_url(scratch, api, variant, expiry);
		json_write_text(json, "url", buffer_text(scratch));
		json_write_time(json, "expires_at", expiry * 1000000);
	}
	json_write_object_end(json);
}

// What was made on demand stands with what can be: the answer is the same before and after somebody asked for it.
static bool is_on_demand(const struct api *api, const struct variant_row *variant)
{
	return preset_find_on_demand(preset_set_find(api->presets, PRESET_NAME_DEFAULT), variant->name) != NULL;
}

// Variants of a media lie together in the result: [*ret_first, *ret_end).
static void find_variants(const struct media_view *view, const struct uuid *media_id, size_t *ret_first,
                          size_t *ret_end)
{
	size_t rows = view->variants == NULL ? 0 : db_result_rows(view->variants), first = 0;
	struct variant_row variant;
	while (first < rows &&
	       (catalog_variant_read(view->variants, first, &variant), !uuid_equal(&variant.media_id, media_id)))
		first++;
	size_t end = first;
	while (end < rows &&
	       (catalog_variant_read(view->variants, end, &variant), uuid_equal(&variant.media_id, media_id)))
		end++;
	*ret_first = first;
	*ret_end = end;
}

// The whole picture, within a pixel: no crop, nothing around it. Presets change, so the sizes are asked, not the names.
static bool shows_whole(const struct variant_row *variant, const struct media_row *media)
{
	uint64_t across = (uint64_t)variant->width * media->height, down = (uint64_t)variant->height * media->width;
	uint64_t off = across > down ? across - down : down - across;
	return off <= (media->width > media->height ? media->width : media->height);
}

// srcset of one format: every picture with the original's proportions, by rising width.
static void write_srcset(const struct media_view *view, struct json_write *json, const struct media_row *media,
                         enum media_format format, size_t first, size_t end, int64_t expiry, struct buffer *scratch)
{
	buffer_clear(scratch);
	for (size_t row = first; row < end; row++) {
		struct variant_row variant;
		catalog_variant_read(view->variants, row, &variant);
		if (variant.state != VARIANT_READY || variant.format != format || is_on_demand(view->api, &variant) ||
		    !shows_whole(&variant, media))
			continue;
		if (scratch->length > 0)
			buffer_append_text(scratch, ", ");
		append_url(scratch, view->api, &variant, expiry);
		buffer_append_format(scratch, " %uw", variant.width);
	}
	if (scratch->length > 0 && buffer_ok(scratch))
		json_write_text(json, media_format_info(format)->name, buffer_text(scratch));
}

static int64_t choose_expiry(const struct media_audience *audience, const struct uuid *media_id)
{
	int64_t expiry = delivery_expiry(clock_now_us() / 1000000, audience->url_seconds, media_id);
	return audience->latest_expiry > 0 && audience->latest_expiry < expiry ? audience->latest_expiry : expiry;
}

void media_view_write(const struct media_view *view, struct json_write *json, const char *name, size_t row)
{
	static const enum media_format FORMATS[] = { FORMAT_AVIF, FORMAT_WEBP, FORMAT_JPEG };
	struct media_row media;
	struct buffer scratch;
	size_t first, end;
	buffer_init(&scratch, SRCSET_BYTES);
	catalog_media_read(view->media, row, &media);
	find_variants(view, &media.id, &first, &end);
	int64_t expiry = choose_expiry(&view->audience, &media.id);
	json_write_object_begin(json, name);
	if (view->audience.is_shared)
		catalog_media_write_shared(json, &media);
	else
		catalog_media_write(json, &media);
	if (view->audience.sees_exif && media.exif != NULL)
		json_write_raw(json, "exif", media.exif, strlen(media.exif));
	else if (view->audience.sees_exif)
		json_write_null(json, "exif");
	json_write_array_begin(json, "variants");
	for (size_t at = first; at < end; at++) {
		struct variant_row variant;
		catalog_variant_read(view->variants, at, &variant);
		if (!is_on_demand(view->api, &variant))
			write_variant(json, view->api, &variant, expiry, &scratch);
	}
	json_write_array_end(json);
	json_write_object_begin(json, "srcset");
	for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++)
		write_srcset(view, json, &media, FORMATS[i], first, end, expiry, &scratch);
	json_write_object_end(json);
	media_offers_write_on_demand(json, view->api, &media, expiry);
	json_write_object_end(json);
	buffer_done(&scratch);
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
