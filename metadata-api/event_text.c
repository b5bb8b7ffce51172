// Loading and writing events.
#include "metadata-api/event_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/settings.h"
#include "catalog/media.h"
#include "db/array.h"
#include "db/pipeline.h"
#include "metadata-api/api.h"
#include "metadata-api/item_store.h"
#include "metadata-api/item_view.h"
#include "metadata-api/media_view.h"

// Two dozen ids as an array.
#define IDS_BYTES 2048

// What the events of one owner are about.
struct objects {
	struct media_view view;
	struct db_result *items;
};

static void objects_done(struct objects *objects)
{
	db_result_free(objects->view.media);
	db_result_free(objects->view.variants);
	db_result_free(objects->items);
}

// One statement over the ids of one kind; nothing when there are none.
static enum rc load_kind(struct api *api, const struct db_statement *statement, const struct uuid *owner_id,
                         const struct event_note *notes, size_t count, bool is_item, struct db_result **ret_result,
                         struct err *err)
{
	struct uuid ids[EVENT_TEXT_BATCH];
	size_t wanted = 0;
	struct buffer array;
	for (size_t i = 0; i < count; i++)
		if (notes[i].is_item == is_item)
			ids[wanted++] = notes[i].object_id;
	if (wanted == 0)
		return RC_OK;
	buffer_init(&array, IDS_BYTES);
	db_array_of_uuids(&array, ids, wanted);
	const struct db_value all[] = { db_uuid(owner_id), db_text(buffer_text(&array)) };
	const struct db_value *values = statement->parameter_count == 2 ? all : all + 1;
	enum rc rc = db_pipeline_query(api->pipeline, statement, values, statement->parameter_count,
	                               deadline_after_ms(api->settings->database_timeout_ms), ret_result, err);
	buffer_done(&array);
	return rc;
}

static enum rc objects_load(struct api *api, const struct uuid *owner_id, const struct event_note *notes, size_t count,
                            struct objects *objects, struct err *err)
{
	*objects = (struct objects){ .view = { .api = api,
		                               .audience = { .url_seconds = api->settings->cdn_url_seconds } } };
	enum rc rc = load_kind(api, &catalog_media_of_ids_statement, owner_id, notes, count, false,
	                       &objects->view.media, err);
	if (rc == RC_OK && objects->view.media != NULL && db_result_rows(objects->view.media) > 0)
		rc = load_kind(api, &catalog_variants_statement, owner_id, notes, count, false, &objects->view.variants,
		               err);
	if (rc == RC_OK)
		rc = load_kind(api, &items_of_ids_statement, owner_id, notes, count, true, &objects->items, err);
	return rc;
}

// Its row in a result whose first column is the id; false when it is not there.
static bool find_row(const struct db_result *result, const struct uuid *id, size_t *ret_row)
{
	for (size_t row = 0; result != NULL && row < db_result_rows(result); row++) {
		struct uuid here = db_result_uuid(result, row, 0);
		if (uuid_equal(&here, id)) {
			*ret_row = row;
			return true;
		}
	}
	return false;
}

static void write_data(const struct objects *objects, const struct event_note *note, struct buffer *out)
{
	struct json_write json;
	size_t row;
	json_write_init(&json, out);
	if (!find_row(note->is_item ? objects->items : objects->view.media, &note->object_id, &row)) {
		char id[UUID_TEXT_SIZE];
		uuid_format(&note->object_id, id);
		json_write_object_begin(&json, NULL);
		json_write_text(&json, "id", id);
		json_write_text(&json, "state", "deleted");
		json_write_object_end(&json);
	} else if (note->is_item) {
		struct item_row item;
		item_read(objects->items, row, &item);
		json_write_object_begin(&json, NULL);
		item_view_write_fields(&json, &item);
		json_write_object_end(&json);
	} else {
		media_view_write(&objects->view, &json, NULL, row);
	}
}

void event_text_write_id(struct buffer *out, uint64_t sequence, uint32_t identity)
{
	buffer_append_format(out, "id: %" PRIu64 "-%08" PRIx32 "\n", sequence, identity);
}

bool event_text_parse_id(const char *text, uint64_t *ret_sequence, uint32_t *ret_identity)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 19)
		return false;
	if (text[digits] != '\0' &&
	    (text[digits] != '-' || strlen(text) != digits + 9 || strspn(text + digits + 1, "0123456789abcdef") != 8))
		return false;
	*ret_sequence = strtoull(text, NULL, 10);
	*ret_identity = text[digits] == '\0' ? 0 : (uint32_t)strtoul(text + digits + 1, NULL, 16);
	return true;
}

enum rc event_text_load(struct api *api, const struct uuid *owner_id, const struct event_note *notes, size_t count,
                        uint32_t identity, struct buffer *texts, struct err *err)
{
	struct objects objects;
	assert(count <= EVENT_TEXT_BATCH);
	enum rc rc = objects_load(api, owner_id, notes, count, &objects, err);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		const struct event_note *note = &notes[i];
		const char *verb = note->is_item ? event_item_verb_name((enum event_item_verb)note->verb)
		                                 : event_media_verb_name((enum event_media_verb)note->verb);
		buffer_append_format(&texts[i], "event: %s.%s\n", note->is_item ? "item" : "media", verb);
		event_text_write_id(&texts[i], note->sequence, identity);
		buffer_append_text(&texts[i], "data: ");
		write_data(&objects, note, &texts[i]);
		buffer_append_text(&texts[i], "\n\n");
		if (!buffer_ok(&texts[i]))
			rc = err_set(err, RC_NO_MEMORY, "an event does not fit");
	}
	objects_done(&objects);
	return rc;
}
