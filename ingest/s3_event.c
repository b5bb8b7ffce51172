// From each envelope to the one form.
#include "ingest/s3_event.h"

#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/encoding.h"
#include "base/limits.h"

// How a source writes its records.
struct dialect {
	const char *source;
	bool is_key_encoded;
};

static const struct dialect DIALECTS[] = {
	{ "aws:s3", true },
	{ "minio:s3", true },
	{ "ceph:s3", false },
};

static const char *text_at(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static enum rc keep(struct arena *arena, const char *text, const char **ret_text, struct err *err)
{
	*ret_text = arena_copy_text(arena, text);
	return *ret_text == NULL ? err_set(err, RC_NO_MEMORY, "too many events at once") : RC_OK;
}

static enum rc keep_key(struct arena *arena, const char *key, bool is_encoded, const char **ret_key, struct err *err)
{
	struct buffer decoded;
	if (!is_encoded)
		return keep(arena, key, ret_key, err);
	buffer_init(&decoded, LIMIT_OBJECT_KEY_BYTES);
	enum rc rc = decode_percent(&decoded, key, strlen(key), true) && buffer_ok(&decoded)
	                     ? keep(arena, buffer_text(&decoded), ret_key, err)
	                     : err_set(err, RC_INVALID, "an object key is not well encoded");
	buffer_done(&decoded);
	return rc;
}

static const struct dialect *find_dialect(const char *source)
{
	for (size_t i = 0; source != NULL && i < sizeof DIALECTS / sizeof DIALECTS[0]; i++)
		if (strcmp(DIALECTS[i].source, source) == 0)
			return &DIALECTS[i];
	return NULL;
}

// "ObjectCreated:Put", with "s3:" before it from MinIO and older Cephs. Ceph also sends Post when a multipart upload is
// begun: whoever acts on it looks into the store first.
static bool is_creation(const char *name)
{
	static const char *const KINDS[] = { "Put", "Post", "Copy", "CompleteMultipartUpload" };
	static const char PREFIX[] = "ObjectCreated:";
	if (strncmp(name, "s3:", 3) == 0)
		name += 3;
	if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
		return false;
	for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
		if (strcmp(name + sizeof PREFIX - 1, KINDS[i]) == 0)
			return true;
	return false;
}

static enum rc keep_object(struct arena *arena, const char *bucket, const char *key, bool is_key_encoded,
                           struct s3_event *event, struct err *err)
{
	if (bucket == NULL || key == NULL)
		return err_set(err, RC_INVALID, "an event names no bucket or no key");
	enum rc rc = keep(arena, bucket, &event->bucket, err);
	return rc == RC_OK ? keep_key(arena, key, is_key_encoded, &event->key, err) : rc;
}

static enum rc read_record(const json_t *record, struct arena *arena, struct s3_event *ret_event, struct err *err)
{
	struct s3_event event = { .bucket = "", .key = "" };
	const struct dialect *dialect = find_dialect(text_at(record, "eventSource"));
	const char *name = text_at(record, "eventName"), *version = text_at(record, "eventVersion");
	const char *opaque = text_at(record, "opaqueData");
	if (dialect == NULL || name == NULL)
		return err_set(err, RC_INVALID, "a record has no eventName, or an eventSource that is not known");
	// Minor versions add members; another major one may mean anything.
	if (version != NULL && strncmp(version, "2.", 2) != 0)
		return err_set(err, RC_INVALID, "a record has an eventVersion other than 2.x");
	enum rc rc = opaque == NULL ? RC_OK : keep(arena, opaque, &event.opaque, err);
	event.is_created = is_creation(name);
	if (rc == RC_OK && event.is_created) {
		const json_t *s3 = json_object_get(record, "s3");
		rc = keep_object(arena, text_at(json_object_get(s3, "bucket"), "name"),
		                 text_at(json_object_get(s3, "object"), "key"), dialect->is_key_encoded, &event, err);
	}
	if (rc == RC_OK)
		*ret_event = event;
	return rc;
}

static enum rc read_records(const json_t *records, struct arena *arena, struct s3_events *ret_events, struct err *err)
{
	struct s3_events events = { .count = json_array_size(records) };
	if (events.count > S3_EVENTS_MAX)
		return err_set(err, RC_INVALID, "more than %d records at once", S3_EVENTS_MAX);
	events.items = arena_alloc(arena, (events.count + 1) * sizeof events.items[0]);
	if (events.items == NULL)
		return err_set(err, RC_NO_MEMORY, "too many events at once");
	for (size_t i = 0; i < events.count; i++) {
		enum rc rc = read_record(json_array_get(records, i), arena, &events.items[i], err);
		if (rc != RC_OK)
			return rc;
	}
	*ret_events = events;
	return RC_OK;
}

static enum rc read_bridge(const json_t *json, struct arena *arena, struct s3_events *ret_events, struct err *err)
{
	const json_t *detail = json_object_get(json, "detail");
	const char *type = text_at(json, "detail-type");
	struct s3_event *event = arena_alloc(arena, sizeof *event);
	if (event == NULL)
		return err_set(err, RC_NO_MEMORY, "too many events at once");
	*event = (struct s3_event){ .bucket = "", .key = "", .is_created = strcmp(type, "Object Created") == 0 };
	enum rc rc = RC_OK;
	if (event->is_created)
		rc = keep_object(arena, text_at(json_object_get(detail, "bucket"), "name"),
		                 text_at(json_object_get(detail, "object"), "key"), false, event, err);
	if (rc == RC_OK)
		*ret_events = (struct s3_events){ .items = event, .count = 1 };
	return rc;
}

static enum rc read_envelope(const json_t *json, struct arena *arena, struct s3_events *ret_events, struct err *err)
{
	const json_t *records = json_object_get(json, "Records");
	const char *source = text_at(json, "source"), *test = text_at(json, "Event");
	if (json_is_array(records))
		return read_records(records, arena, ret_events, err);
	if (source != NULL && strcmp(source, "aws.s3") == 0 && text_at(json, "detail-type") != NULL)
		return read_bridge(json, arena, ret_events, err);
	// What AWS sends when notifications are set up.
	if (test != NULL && strcmp(test, "s3:TestEvent") == 0) {
		*ret_events = (struct s3_events){ 0 };
		return RC_OK;
	}
	return err_set(err, RC_INVALID, "neither S3 records nor an EventBridge event of S3");
}

enum rc s3_events_parse(const char *data, size_t length, struct arena *arena, struct s3_events *ret_events,
                        struct err *err)
{
	json_error_t error;
	json_t *json = json_loadb(data, length, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		return err_set(err, RC_INVALID, "not valid JSON: line %d, column %d", error.line, error.column);
	enum rc rc = read_envelope(json, arena, ret_events, err);
	json_decref(json);
	return rc;
}
