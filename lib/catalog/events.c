// Events on their way into the outbox.
#include <assert.h>
#include <stdio.h>

#include "base/json_write.h"
#include "base/limits.h"
#include "catalog/run.h"

static const char *kind_name(enum event_kind kind)
{
	switch (kind) {
	case EVENT_JOB:
		return "job";
	case EVENT_MEDIA:
		return "media";
	case EVENT_ITEM:
		return "item";
	}
	assert(false);
}

static void fill_in(const struct catalog *catalog, const struct catalog_call *call, struct event *event)
{
	static const struct uuid none;

	if (uuid_equal(&event->id, &none))
		event->id = uuid_new();
	if (event->time_us == 0)
		event->time_us = clock_now_us();
	if (event->source[0] == '\0')
		(void)snprintf(event->source, sizeof(event->source), "%s", catalog->source);
	// A caller's header that is no traceparent must not cost the change its event.
	if (event->traceparent[0] == '\0' && call->traceparent != NULL && event_traceparent_is_valid(call->traceparent))
		(void)snprintf(event->traceparent, sizeof(event->traceparent), "%s", call->traceparent);
}

enum rc catalog_events_write(const struct catalog *catalog, const struct catalog_call *call, struct event *events,
                             size_t count, struct buffer *out, struct err *err)
{
	struct json_write json;
	struct buffer payload;
	enum rc rc = RC_OK;

	assert(count <= CATALOG_OUTBOX_BATCH);
	buffer_init(&payload, LIMIT_EVENT_BYTES);
	json_write_init(&json, out);
	json_write_array_begin(&json, NULL);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		char id[UUID_TEXT_SIZE];
		char subject[EVENT_SUBJECT_SIZE];

		fill_in(catalog, call, &events[i]);
		buffer_clear(&payload);
		rc = event_encode(&events[i], &payload, err);
		if (rc != RC_OK)
			break;
		uuid_format(&events[i].id, id);
		event_format_subject(&events[i], subject);
		json_write_object_begin(&json, NULL);
		json_write_text(&json, "id", id);
		json_write_text(&json, "kind", kind_name(events[i].kind));
		json_write_text(&json, "subject", subject);
		json_write_raw(&json, "payload", buffer_text(&payload), payload.length);
		json_write_object_end(&json);
	}
	buffer_done(&payload);
	if (rc != RC_OK)
		return rc;
	json_write_array_end(&json);
	return buffer_ok(out) ? RC_OK : err_set(err, RC_NO_MEMORY, "events: no memory");
}

struct event catalog_job_event(const struct uuid *job_id, const struct uuid *media_id, uint32_t generation,
                               const char *pool, enum event_lane lane)
{
	struct event event = { .kind = EVENT_JOB };

	event.job =
	        (struct event_job){ .job_id = *job_id, .media_id = *media_id, .generation = generation, .lane = lane };
	(void)snprintf(event.job.pool, sizeof(event.job.pool), "%s", pool);
	return event;
}

static const struct db_statement add_statement = {
	.name = "outbox_add",
	.sql = "INSERT INTO outbox " CATALOG_EVENT_COLUMNS " SELECT " CATALOG_EVENT_VALUES
	       " FROM json_to_recordset($1::json) AS " CATALOG_EVENT_RECORD,
	.parameter_count = 1,
};

enum rc catalog_outbox_add(struct db_connection *connection, const struct catalog *catalog,
                           const struct catalog_call *call, struct event *events, size_t count, struct err *err)
{
	struct buffer argument;
	struct db_value value;
	enum rc rc;

	if (count == 0)
		return RC_OK;
	buffer_init(&argument, CATALOG_ARGUMENT_BYTES);
	rc = catalog_events_write(catalog, call, events, count, &argument, err);
	value = db_text(buffer_text(&argument));
	if (rc == RC_OK)
		rc = db_execute(connection, &add_statement, &value, 1, call->deadline, NULL, err);
	buffer_done(&argument);
	return rc;
}
