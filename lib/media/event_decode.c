// Strict reading of CloudEvents JSON: what does not have exactly the shape of its type is refused.
#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "media/event_priv.h"
#include "media/object_key.h"

static void release_json(json_t **json)
{
	json_decref(*json);
}

// A JSON object being read: counts what was taken, so that something left over is noticed.
struct reader {
	const json_t *object;
	size_t taken;
	struct err *err;
};

static enum rc read_text(struct reader *reader, const char *name, const char **ret_text)
{
	const json_t *value = json_object_get(reader->object, name);
	if (!json_is_string(value))
		return err_set(reader->err, RC_INVALID, "event: %s is missing or not a string", name);
	reader->taken++;
	*ret_text = json_string_value(value);
	return RC_OK;
}

static enum rc read_copy(struct reader *reader, const char *name, char *ret_text, size_t size)
{
	const char *text;
	enum rc rc = read_text(reader, name, &text);
	if (rc != RC_OK)
		return rc;
	size_t length = strlen(text);
	if (length >= size)
		return err_set(reader->err, RC_INVALID, "event: %s is longer than %zu bytes", name, size - 1);
	memcpy(ret_text, text, length + 1);
	return RC_OK;
}

static enum rc read_uuid(struct reader *reader, const char *name, struct uuid *ret_id)
{
	const char *text;
	enum rc rc = read_text(reader, name, &text);
	if (rc != RC_OK)
		return rc;
	if (!uuid_parse(text, ret_id))
		return err_set(reader->err, RC_INVALID, "event: %s is not a UUID", name);
	return RC_OK;
}

static enum rc read_int(struct reader *reader, const char *name, int64_t most, int64_t *ret_value)
{
	const json_t *value = json_object_get(reader->object, name);
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > most)
		return err_set(reader->err, RC_INVALID, "event: %s is missing or not an integer of 0 to %lld", name,
		               (long long)most);
	reader->taken++;
	*ret_value = json_integer_value(value);
	return RC_OK;
}

static enum rc read_generation(struct reader *reader, uint32_t *ret_generation)
{
	int64_t generation;
	enum rc rc = read_int(reader, "generation", GENERATION_MAX, &generation);
	if (rc == RC_OK)
		*ret_generation = (uint32_t)generation;
	return rc;
}

static enum rc read_job(struct reader *reader, struct event_job *ret_job)
{
	const char *lane;
	enum rc rc = read_uuid(reader, "job_id", &ret_job->job_id);
	if (rc == RC_OK)
		rc = read_uuid(reader, "media_id", &ret_job->media_id);
	if (rc == RC_OK)
		rc = read_generation(reader, &ret_job->generation);
	if (rc == RC_OK)
		rc = read_copy(reader, "pool", ret_job->pool, sizeof(ret_job->pool));
	if (rc == RC_OK)
		rc = read_text(reader, "lane", &lane);
	if (rc == RC_OK && !event_lane_parse(lane, &ret_job->lane))
		rc = err_set(reader->err, RC_INVALID, "event: unknown lane");
	return rc;
}

static enum rc read_media(struct reader *reader, struct event_media *ret_media)
{
	const char *name;
	enum rc rc = read_uuid(reader, "media_id", &ret_media->media_id);
	if (rc == RC_OK)
		rc = read_uuid(reader, "owner_id", &ret_media->owner_id);
	if (rc == RC_OK)
		rc = read_text(reader, "state", &name);
	if (rc == RC_OK && !media_state_parse(name, &ret_media->state))
		rc = err_set(reader->err, RC_INVALID, "event: unknown state");
	if (rc == RC_OK)
		rc = read_generation(reader, &ret_media->generation);
	if (rc == RC_OK && json_object_get(reader->object, "reason") != NULL) {
		rc = read_text(reader, "reason", &name);
		// "none" is written by leaving it out; one event has one text.
		if (rc == RC_OK && (!media_reason_parse(name, &ret_media->reason) || ret_media->reason == REASON_NONE))
			rc = err_set(reader->err, RC_INVALID, "event: unknown reason");
	}
	if (rc == RC_OK && json_object_get(reader->object, "item_id") != NULL) {
		ret_media->has_item = true;
		rc = read_uuid(reader, "item_id", &ret_media->item_id);
	}
	return rc;
}

static enum rc read_item(struct reader *reader, struct event_item *ret_item)
{
	enum rc rc = read_uuid(reader, "item_id", &ret_item->item_id);
	if (rc == RC_OK)
		rc = read_uuid(reader, "owner_id", &ret_item->owner_id);
	if (rc == RC_OK)
		rc = read_int(reader, "version", INT64_MAX, &ret_item->version);
	return rc;
}

static enum rc read_data(const json_t *data, struct event *event, struct err *err)
{
	if (!json_is_object(data))
		return err_set(err, RC_INVALID, "event: data is missing or not an object");
	struct reader reader = { .object = data, .err = err };
	enum rc rc = RC_INTERNAL;
	switch (event->kind) {
	case EVENT_JOB:
		rc = read_job(&reader, &event->job);
		break;
	case EVENT_MEDIA:
		rc = read_media(&reader, &event->media);
		break;
	case EVENT_ITEM:
		rc = read_item(&reader, &event->item);
		break;
	}
	if (rc == RC_OK && json_object_size(data) != reader.taken)
		rc = err_set(err, RC_INVALID, "event: data has a member that its type does not have");
	return rc;
}

static bool has_type(struct event *event, const char *type)
{
	char candidate[EVENT_TYPE_SIZE];
	event_format_type(event, candidate);
	return strcmp(candidate, type) == 0;
}

// Sets kind and verb.
static bool parse_type(const char *type, struct event *event)
{
	event->kind = EVENT_JOB;
	if (has_type(event, type))
		return true;
	event->kind = EVENT_MEDIA;
	for (unsigned i = 0; i < EVENT_MEDIA_VERB_COUNT; i++) {
		event->media.verb = (enum event_media_verb)i;
		if (has_type(event, type))
			return true;
	}
	event->kind = EVENT_ITEM;
	for (unsigned i = 0; i < EVENT_ITEM_VERB_COUNT; i++) {
		event->item.verb = (enum event_item_verb)i;
		if (has_type(event, type))
			return true;
	}
	return false;
}

static enum rc read_envelope(struct reader *reader, struct event *event)
{
	const char *text;
	enum rc rc = read_text(reader, "specversion", &text);
	if (rc == RC_OK && strcmp(text, EVENT_SPECVERSION) != 0)
		rc = err_set(reader->err, RC_INVALID, "event: specversion is not %s", EVENT_SPECVERSION);
	if (rc == RC_OK)
		rc = read_text(reader, "datacontenttype", &text);
	if (rc == RC_OK && strcmp(text, EVENT_CONTENT_TYPE) != 0)
		rc = err_set(reader->err, RC_INVALID, "event: datacontenttype is not %s", EVENT_CONTENT_TYPE);
	if (rc == RC_OK)
		rc = read_text(reader, "type", &text);
	if (rc == RC_OK && !parse_type(text, event))
		rc = err_set(reader->err, RC_INVALID, "event: unknown type or version %.64s", text);
	if (rc == RC_OK)
		rc = read_uuid(reader, "id", &event->id);
	if (rc == RC_OK)
		rc = read_copy(reader, "source", event->source, sizeof(event->source));
	if (rc == RC_OK)
		rc = read_text(reader, "time", &text);
	if (rc == RC_OK && !clock_parse_rfc3339(text, &event->time_us))
		rc = err_set(reader->err, RC_INVALID, "event: time is not RFC 3339");
	if (rc == RC_OK && json_object_get(reader->object, "traceparent") != NULL)
		rc = read_copy(reader, "traceparent", event->traceparent, sizeof(event->traceparent));
	return rc;
}

enum rc event_decode(const char *data, size_t length, struct event *ret_event, struct err *err)
{
	if (length > LIMIT_EVENT_BYTES)
		return err_set(err, RC_INVALID, "event: more than %d bytes", LIMIT_EVENT_BYTES);
	json_error_t failure;
	CLEANUP(release_json) json_t *root = json_loadb(data, length, JSON_REJECT_DUPLICATES, &failure);
	if (!json_is_object(root))
		return err_set(err, RC_INVALID, "event: not a JSON object: %s",
		               root == NULL ? failure.text : "another type");

	struct event event = { .id = { { 0 } } };
	struct reader envelope = { .object = root, .err = err };
	struct uuid subject;
	enum rc rc = read_envelope(&envelope, &event);
	if (rc == RC_OK)
		rc = read_uuid(&envelope, "subject", &subject);
	if (rc == RC_OK)
		rc = read_data(json_object_get(root, "data"), &event, err);
	if (rc == RC_OK)
		rc = event_check(&event, err);
	if (rc != RC_OK)
		return rc;
	if (!uuid_equal(&subject, event_subject_id(&event)))
		return err_set(err, RC_INVALID, "event: subject is not the id in data");
	*ret_event = event;
	return RC_OK;
}
