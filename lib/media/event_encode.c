// Events as CloudEvents JSON.
#include <assert.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "media/event_priv.h"

static void write_uuid(struct json_write *json, const char *name, const struct uuid *id)
{
	char text[UUID_TEXT_SIZE];
	uuid_format(id, text);
	json_write_text(json, name, text);
}

static void write_job(struct json_write *json, const struct event_job *job)
{
	write_uuid(json, "job_id", &job->job_id);
	write_uuid(json, "media_id", &job->media_id);
	json_write_int(json, "generation", job->generation);
	json_write_text(json, "pool", job->pool);
	json_write_text(json, "lane", event_lane_name(job->lane));
}

static void write_media(struct json_write *json, const struct event_media *media)
{
	write_uuid(json, "media_id", &media->media_id);
	write_uuid(json, "owner_id", &media->owner_id);
	json_write_text(json, "state", media_state_name(media->state));
	json_write_int(json, "generation", media->generation);
	if (media->reason != REASON_NONE)
		json_write_text(json, "reason", media_reason_name(media->reason));
	if (media->has_item)
		write_uuid(json, "item_id", &media->item_id);
}

static void write_item(struct json_write *json, const struct event_item *item)
{
	write_uuid(json, "item_id", &item->item_id);
	write_uuid(json, "owner_id", &item->owner_id);
	json_write_int(json, "version", item->version);
}

static void write_data(struct json_write *json, const struct event *event)
{
	switch (event->kind) {
	case EVENT_JOB:
		write_job(json, &event->job);
		return;
	case EVENT_MEDIA:
		write_media(json, &event->media);
		return;
	case EVENT_ITEM:
		write_item(json, &event->item);
		return;
	}
	assert(false);
}

enum rc event_encode(const struct event *event, struct buffer *out, struct err *err)
{
	enum rc rc = event_check(event, err);
	if (rc != RC_OK)
		return rc;
	char type[EVENT_TYPE_SIZE];
	event_format_type(event, type);
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "specversion", EVENT_SPECVERSION);
	write_uuid(&json, "id", &event->id);
	json_write_text(&json, "source", event->source);
	json_write_text(&json, "type", type);
	write_uuid(&json, "subject", event_subject_id(event));
	json_write_time(&json, "time", event->time_us);
	json_write_text(&json, "datacontenttype", EVENT_CONTENT_TYPE);
	if (event->traceparent[0] != '\0')
		json_write_text(&json, "traceparent", event->traceparent);
	json_write_object_begin(&json, "data");
	write_data(&json, event);
	json_write_object_end(&json);
	json_write_object_end(&json);
	if (!buffer_ok(out))
		return err_set(err, RC_NO_MEMORY, "event: no room in its buffer");
	return RC_OK;
}
