// Buckets as ADR-8 lays them out: stream KV_<bucket>, subject $KV.<bucket>.<key>, deletions as marked empty messages.
#include "bus/kv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "bus/kv_private.h"

// Most entries that one listing or history returns.
#define KV_ENTRIES_MAX 10000

void bus_kv_entry_done(struct bus_kv_entry *entry)
{
	free(entry->key);
	free(entry->value);
	*entry = (struct bus_kv_entry){ 0 };
}

void bus_kv_entries_done(struct bus_kv_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		bus_kv_entry_done(&entries->items[i]);
	free(entries->items);
	*entries = (struct bus_kv_entries){ 0 };
}

#define KV_TOKEN_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

enum rc bus_kv_check_bucket(const char *bucket, struct err *err)
{
	size_t length = strlen(bucket);
	if (length < 1 || length > 63 || strspn(bucket, KV_TOKEN_CHARACTERS) != length)
		return err_set(err, RC_INVALID, "bucket name must be 1 to 63 of A-Z a-z 0-9 _ -");
	return RC_OK;
}

enum rc bus_kv_check_key(const char *key, struct err *err)
{
	size_t length = strlen(key);
	if (length < 1 || length > LIMIT_KV_KEY_BYTES || strspn(key, KV_TOKEN_CHARACTERS "=/.") != length ||
	    key[0] == '.' || key[length - 1] == '.' || strstr(key, "..") != NULL)
		return err_set(err, RC_INVALID, "key must be 1 to %d of A-Z a-z 0-9 _ = / - in tokens joined by dots",
		               LIMIT_KV_KEY_BYTES);
	return RC_OK;
}

static enum rc check_names(const char *bucket, const char *key, struct err *err)
{
	enum rc rc = bus_kv_check_bucket(bucket, err);
	return rc == RC_OK ? bus_kv_check_key(key, err) : rc;
}

// Decode a base64 member of the answer; "" when it is not there. malloc'ed and NUL-terminated.
static enum rc decode_member(json_t *message, const char *name, char **ret_data, size_t *ret_length, struct err *err)
{
	json_t *member = json_object_get(message, name);
	size_t text_length = json_string_length(member);
	size_t length = 0;
	char *data = malloc(text_length + 1);
	if (data == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for an entry");
	if (text_length > 0 && !decode_base64(json_string_value(member), text_length, data, text_length, &length)) {
		free(data);
		return err_set(err, RC_CORRUPT, "the server's answer has broken base64");
	}
	data[length] = '\0';
	*ret_data = data;
	*ret_length = length;
	return RC_OK;
}

static enum rc read_entry(json_t *message, const char *key, struct bus_kv_entry *ret_entry, struct err *err)
{
	char *headers = NULL;
	char *value = NULL;
	size_t headers_length = 0;
	struct bus_kv_entry entry = { .revision = (uint64_t)json_integer_value(json_object_get(message, "seq")) };
	const char *time = json_string_value(json_object_get(message, "time"));
	if (entry.revision == 0 || time == NULL || !clock_parse_rfc3339(time, &entry.created_us))
		return err_set(err, RC_CORRUPT, "the server's answer lacks sequence or time");
	enum rc rc = decode_member(message, "hdrs", &headers, &headers_length, err);
	if (rc == RC_OK)
		rc = decode_member(message, "data", &value, &entry.length, err);
	if (headers != NULL && strstr(headers, "KV-Operation:") != NULL)
		entry.operation = BUS_KV_DELETE;
	free(headers);
	if (rc != RC_OK)
		return rc;
	entry.value = value;
	entry.key = strdup(key);
	if (entry.key == NULL) {
		bus_kv_entry_done(&entry);
		return err_set(err, RC_NO_MEMORY, "no memory for an entry");
	}
	*ret_entry = entry;
	return RC_OK;
}

// The latest entry, delete marker or not. Asked of the stream's leader, so it is never stale.
static enum rc get_latest(struct bus *bus, const char *bucket, const char *key, struct bus_kv_entry *ret_entry,
                          struct err *err)
{
	char subject[BUS_SUBJECT_SIZE];
	(void)snprintf(subject, sizeof(subject), "$KV.%s.%s", bucket, key);
	json_auto_t *request = json_pack("{s:s}", "last_by_subj", subject);
	json_auto_t *response = NULL;
	if (request == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a request");
	enum rc rc = bus_api_call(bus, request, deadline_after_ms(bus->timeout_ms), &response, err,
	                          "STREAM.MSG.GET.KV_%s", bucket);
	if (rc != RC_OK)
		return rc;
	return read_entry(json_object_get(response, "message"), key, ret_entry, err);
}

enum rc bus_kv_get(struct bus *bus, const char *bucket, const char *key, struct bus_kv_entry *ret_entry,
                   struct err *err)
{
	struct bus_kv_entry entry = { 0 };
	enum rc rc = check_names(bucket, key, err);
	if (rc == RC_OK)
		rc = get_latest(bus, bucket, key, &entry, err);
	if (rc != RC_OK)
		return rc;
	if (entry.operation == BUS_KV_DELETE) {
		bus_kv_entry_done(&entry);
		return err_set(err, RC_NOT_FOUND, "key %s is deleted", key);
	}
	*ret_entry = entry;
	return RC_OK;
}

static enum rc put_message(struct bus *bus, const char *bucket, const char *key, const char *const *headers,
                           const void *value, size_t length, uint64_t *ret_revision, struct err *err)
{
	enum rc rc = check_names(bucket, key, err);
	if (rc == RC_OK && length > LIMIT_KV_VALUE_BYTES)
		rc = err_set(err, RC_LIMIT, "value of more than %d bytes", LIMIT_KV_VALUE_BYTES);
	if (rc != RC_OK)
		return rc;
	char subject[BUS_SUBJECT_SIZE];
	(void)snprintf(subject, sizeof(subject), "$KV.%s.%s", bucket, key);
	natsMsg *answer = NULL;
	rc = bus_request(bus, subject, headers, value, length, deadline_after_ms(bus->timeout_ms), &answer, err);
	if (rc == RC_UNAVAILABLE)
		bus_repair_streams(bus);
	if (rc != RC_OK)
		return rc;
	rc = bus_ack_parse(answer, ret_revision, NULL, err);
	natsMsg_Destroy(answer);
	return rc;
}

enum rc bus_kv_put(struct bus *bus, const char *bucket, const char *key, const void *value, size_t length,
                   uint64_t *ret_revision, struct err *err)
{
	return put_message(bus, bucket, key, NULL, value, length, ret_revision, err);
}

static enum rc put_expected(struct bus *bus, const char *bucket, const char *key, const void *value, size_t length,
                            uint64_t expected, uint64_t *ret_revision, struct err *err)
{
	char number[24];
	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)expected);
	const char *headers[] = { "Nats-Expected-Last-Subject-Sequence", number, NULL };
	return put_message(bus, bucket, key, headers, value, length, ret_revision, err);
}

enum rc bus_kv_update(struct bus *bus, const char *bucket, const char *key, const void *value, size_t length,
                      uint64_t expected_revision, uint64_t *ret_revision, struct err *err)
{
	enum rc rc = put_expected(bus, bucket, key, value, length, expected_revision, ret_revision, err);
	if (rc != RC_CONFLICT || expected_revision != 0)
		return rc;
	// Creating: a delete marker does not count as existing.
	struct bus_kv_entry latest = { 0 };
	struct err ignored = { 0 };
	if (get_latest(bus, bucket, key, &latest, &ignored) != RC_OK)
		return rc;
	bool deleted = latest.operation == BUS_KV_DELETE;
	uint64_t revision = latest.revision;
	bus_kv_entry_done(&latest);
	return deleted ? put_expected(bus, bucket, key, value, length, revision, ret_revision, err) : rc;
}

enum rc bus_kv_delete(struct bus *bus, const char *bucket, const char *key, struct err *err)
{
	static const char *const headers[] = { "KV-Operation", "DEL", NULL };
	return put_message(bus, bucket, key, headers, NULL, 0, NULL, err);
}

// Takes the entry.
static enum rc add_entry(struct bus_kv_entries *entries, struct bus_kv_entry *entry, struct err *err)
{
	struct bus_kv_entry *grown = NULL;
	if (entries->count < KV_ENTRIES_MAX)
		grown = reallocarray(entries->items, entries->count + 1, sizeof(*grown));
	if (grown == NULL) {
		bus_kv_entry_done(entry);
		return err_set(err, entries->count < KV_ENTRIES_MAX ? RC_NO_MEMORY : RC_LIMIT, "too many entries");
	}
	entries->items = grown;
	entries->items[entries->count++] = *entry;
	return RC_OK;
}

static enum rc read_all(struct bus *bus, const char *bucket, const char *key, struct bus_kv_entries *ret_entries,
                        struct err *err)
{
	struct bus_kv_reader reader = { 0 };
	struct bus_kv_entries entries = { 0 };
	uint64_t pending = 0;
	struct deadline deadline = deadline_after_ms(bus->timeout_ms);
	enum rc rc = bus_kv_reader_open(bus, bucket, key, &reader, &pending, err);
	while (rc == RC_OK && pending > 0) {
		struct bus_kv_entry entry = { 0 };
		rc = bus_kv_reader_next(&reader, deadline_left_ms(deadline), &entry, &pending, err);
		if (rc == RC_OK && (key != NULL || entry.operation == BUS_KV_PUT))
			rc = add_entry(&entries, &entry, err);
		else
			bus_kv_entry_done(&entry);
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	bus_kv_reader_close(&reader);
	if (rc != RC_OK) {
		bus_kv_entries_done(&entries);
		return rc == RC_CORRUPT ? err_set(err, RC_UNAVAILABLE, "the listing was interrupted") : rc;
	}
	*ret_entries = entries;
	return RC_OK;
}

enum rc bus_kv_history(struct bus *bus, const char *bucket, const char *key, struct bus_kv_entries *ret_entries,
                       struct err *err)
{
	enum rc rc = check_names(bucket, key, err);
	return rc == RC_OK ? read_all(bus, bucket, key, ret_entries, err) : rc;
}

enum rc bus_kv_list(struct bus *bus, const char *bucket, struct bus_kv_entries *ret_entries, struct err *err)
{
	enum rc rc = bus_kv_check_bucket(bucket, err);
	return rc == RC_OK ? read_all(bus, bucket, NULL, ret_entries, err) : rc;
}
