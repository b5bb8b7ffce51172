// Loading and writing what a share shows.
#include "metadata-api/share_content.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "catalog/media.h"
#include "db/array.h"
#include "db/pipeline.h"
#include "metadata-api/api.h"
#include "metadata-api/item_store.h"
#include "metadata-api/media_view.h"

#define SHARED_MEDIA_MAX 1000

struct share_content {
	struct api *api;
	struct share_opened opened; // stamp is not to be used
	struct deadline deadline;
	struct db_result *item;
	struct db_result *media;
	struct db_result *variants;
	share_content_done *done;
	void *context;
};

// Ends it: err NULL means that out holds the answer.
static void finish(struct share_content *content, struct buffer *out, const struct err *err)
{
	content->done(content->context, out, err);
	db_result_free(content->item);
	db_result_free(content->media);
	db_result_free(content->variants);
	free(content);
}

static void fail(struct share_content *content, enum rc rc)
{
	finish(content, NULL, &(struct err){ .rc = rc });
}

static void write_media(const struct share_content *content, struct json_write *json)
{
	struct media_view view = {
		.api = content->api,
		.audience = { .is_shared = true,
		              .with_original = content->opened.allow_original,
		              // delivery_expiry's URLs live twice this at most.
		              .url_seconds = content->api->live.share_url_seconds / 2,
		              .latest_expiry = content->opened.expires_at == DB_NO_TIME
		                                       ? 0
		                                       : content->opened.expires_at / 1000000 },
		.media = content->media,
		.variants = content->variants,
	};
	json_write_array_begin(json, "media");
	for (size_t row = 0; row < db_result_rows(content->media); row++) {
		struct media_row media;
		catalog_media_read(content->media, row, &media);
		if (media.published_generation > 0 || media.state == MEDIA_READY)
			media_view_write(&view, json, NULL, row);
	}
	json_write_array_end(json);
}

static void write_answer(struct share_content *content)
{
	struct item_row item;
	struct buffer out;
	struct json_write json;
	char id[UUID_TEXT_SIZE];
	item_read(content->item, 0, &item);
	uuid_format(&item.id, id);
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_object_begin(&json, "item");
	json_write_text(&json, "id", id);
	json_write_text(&json, "title", item.title);
	json_write_text(&json, "body", item.body);
	json_write_raw(&json, "tags", item.tags, strlen(item.tags));
	write_media(content, &json);
	json_write_object_end(&json);
	json_write_object_begin(&json, "share");
	if (content->opened.expires_at == DB_NO_TIME)
		json_write_null(&json, "expires_at");
	else
		json_write_time(&json, "expires_at", content->opened.expires_at);
	json_write_bool(&json, "allow_original", content->opened.allow_original);
	json_write_object_end(&json);
	json_write_object_end(&json);
	if (buffer_ok(&out)) {
		finish(content, &out, NULL);
	} else {
		buffer_done(&out);
		fail(content, RC_NO_MEMORY);
	}
}

static void on_variants(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct share_content *content = context;
	content->variants = result;
	if (failure != NULL)
		finish(content, NULL, &failure->err);
	else
		write_answer(content);
}

static void load_variants(struct share_content *content)
{
	size_t count = db_result_rows(content->media);
	struct uuid *ids = calloc(count, sizeof *ids);
	struct err err = { .rc = RC_NO_MEMORY };
	if (ids != NULL) {
		struct buffer text;
		for (size_t row = 0; row < count; row++) {
			struct media_row media;
			catalog_media_read(content->media, row, &media);
			ids[row] = media.id;
		}
		buffer_init(&text, LIMIT_RESPONSE_BYTES);
		db_array_of_uuids(&text, ids, count);
		const struct db_value value = db_text(buffer_text(&text));
		err.rc = db_pipeline_submit(content->api->pipeline, &catalog_variants_statement, &value, 1,
		                            content->deadline, on_variants, content, &err);
		buffer_done(&text);
		free(ids);
	}
	// Once submitted, the content may be gone already.
	if (err.rc != RC_OK)
		finish(content, NULL, &err);
}

static void on_media(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct share_content *content = context;
	content->media = result;
	if (failure != NULL)
		finish(content, NULL, &failure->err);
	else if (db_result_rows(result) == 0)
		write_answer(content);
	else
		load_variants(content);
}

static void on_item(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct share_content *content = context;
	struct err err = { 0 };
	content->item = result;
	if (failure != NULL || db_result_rows(result) == 0) {
		finish(content, NULL, failure != NULL ? &failure->err : &(struct err){ .rc = RC_NOT_FOUND });
		return;
	}
	struct buffer ids;
	struct db_value values[3];
	buffer_init(&ids, 256);
	db_array_of_uuids(&ids, &content->opened.item_id, 1);
	catalog_media_of_items_values(&content->opened.owner_id, buffer_text(&ids), SHARED_MEDIA_MAX, values);
	if (db_pipeline_submit(content->api->pipeline, &catalog_media_of_items_statement, values, 3, content->deadline,
	                       on_media, content, &err) != RC_OK)
		finish(content, NULL, &err);
	buffer_done(&ids);
}

void share_content_load(struct api *api, const struct share_opened *opened, share_content_done *done, void *context)
{
	struct err err = { .rc = RC_NO_MEMORY };
	struct share_content *content = calloc(1, sizeof *content);
	if (content == NULL) {
		done(context, NULL, &err);
		return;
	}
	*content = (struct share_content){ .api = api,
		                           .opened = *opened,
		                           .deadline = deadline_after_ms(api->settings->database_timeout_ms),
		                           .done = done,
		                           .context = context };
	const struct db_value values[] = { db_uuid(&opened->owner_id), db_uuid(&opened->item_id) };
	if (db_pipeline_submit(api->pipeline, &item_find_statement, values, 2, content->deadline, on_item, content,
	                       &err) != RC_OK)
		finish(content, NULL, &err);
}
