// An ordered reader of one bucket: a push consumer without acknowledgements, whose sequence is checked for gaps.
#include "bus/kv_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *describe_reader(const struct bus_kv_reader *reader, const char *bucket, const char *key)
{
	json_auto_t *config = json_pack(
	        "{s:s, s:s, s:s++, s:s, s:s, s:i, s:I, s:b, s:i}", "deliver_subject", reader->inbox.subject,
	        "deliver_policy", key == NULL ? "last_per_subject" : "all", "filter_subject", reader->prefix,
	        key == NULL ? ">" : key, "", "ack_policy", "none", "replay_policy", "instant", "max_deliver", 1,
	        "idle_heartbeat", (json_int_t)KV_HEARTBEAT_MS * 1000000, "mem_storage", 1, "num_replicas", 1);
	return json_pack("{s:s+, s:O}", "stream_name", "KV_", bucket, "config", config);
}

enum rc bus_kv_reader_open(struct bus *bus, const char *bucket, const char *key, struct bus_kv_reader *ret_reader,
                           uint64_t *ret_pending, struct err *err)
{
	struct bus_kv_reader reader = { .bus = bus };
	(void)snprintf(reader.prefix, sizeof(reader.prefix), "$KV.%s.", bucket);
	enum rc rc = bus_inbox_open(bus, false, &reader.inbox, err);
	if (rc != RC_OK)
		return rc;
	json_auto_t *request = describe_reader(&reader, bucket, key);
	json_auto_t *info = NULL;
	if (request == NULL)
		rc = err_set(err, RC_NO_MEMORY, "no memory for a consumer");
	else
		rc = bus_api_call(bus, request, deadline_after_ms(bus->timeout_ms), &info, err, "CONSUMER.CREATE.KV_%s",
		                  bucket);
	if (rc != RC_OK) {
		bus_inbox_close(&reader.inbox);
		return rc;
	}
	const char *name = json_string_value(json_object_get(info, "name"));
	(void)snprintf(reader.consumer, sizeof(reader.consumer), "KV_%s.%s", bucket, name != NULL ? name : "");
	reader.heard_us = clock_monotonic_us();
	*ret_pending = (uint64_t)json_integer_value(json_object_get(info, "num_pending"));
	*ret_reader = reader;
	return RC_OK;
}

static enum rc fill_entry(const struct bus_kv_reader *reader, natsMsg *message, const struct bus_delivery *delivery,
                          struct bus_kv_entry *ret_entry, struct err *err)
{
	size_t skip = strlen(reader->prefix);
	const char *subject = natsMsg_GetSubject(message);
	const char *operation = NULL;
	if (strncmp(subject, reader->prefix, skip) != 0)
		return err_set(err, RC_CORRUPT, "an entry of another bucket");
	struct bus_kv_entry entry = { .revision = delivery->stream_sequence, .created_us = delivery->time_us };
	if (natsMsgHeader_Get(message, "KV-Operation", &operation) == NATS_OK && operation != NULL)
		entry.operation = BUS_KV_DELETE;
	size_t length = (size_t)natsMsg_GetDataLength(message);
	entry.key = strdup(subject + skip);
	entry.value = malloc(length + 1);
	if (entry.key == NULL || entry.value == NULL) {
		bus_kv_entry_done(&entry);
		return err_set(err, RC_NO_MEMORY, "no memory for an entry");
	}
	if (length > 0)
		memcpy(entry.value, natsMsg_GetData(message), length);
	((char *)entry.value)[length] = '\0';
	entry.length = length;
	*ret_entry = entry;
	return RC_OK;
}

// A heartbeat names the latest delivery; when that is not the latest we have, something was lost on the way.
static enum rc check_heartbeat(const struct bus_kv_reader *reader, natsMsg *status, int code, struct err *err)
{
	const char *last = NULL;
	if (code >= 200)
		return err_set(err, RC_CORRUPT, "the consumer was ended (%d)", code);
	if (natsMsgHeader_Get(status, "Nats-Last-Consumer", &last) == NATS_OK && last != NULL &&
	    strtoull(last, NULL, 10) != reader->last_consumer)
		return err_set(err, RC_CORRUPT, "entries were missed");
	return RC_OK;
}

enum rc bus_kv_reader_next(struct bus_kv_reader *reader, int64_t timeout_ms, struct bus_kv_entry *ret_entry,
                           uint64_t *ret_pending, struct err *err)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	for (;;) {
		natsMsg *message = NULL;
		enum rc rc = bus_inbox_next(&reader->inbox, deadline_left_ms(deadline), &message, err);
		if (rc != RC_OK)
			return rc;
		reader->heard_us = clock_monotonic_us();
		struct bus_delivery delivery = { 0 };
		int code = bus_message_status(message);
		if (code != 0)
			rc = check_heartbeat(reader, message, code, err);
		else if (!bus_delivery_parse(natsMsg_GetReply(message), &delivery) ||
		         delivery.consumer_sequence != reader->last_consumer + 1)
			rc = err_set(err, RC_CORRUPT, "entries were missed");
		else
			rc = fill_entry(reader, message, &delivery, ret_entry, err);
		natsMsg_Destroy(message);
		if (rc == RC_OK && code == 0) {
			reader->last_consumer = delivery.consumer_sequence;
			*ret_pending = delivery.pending;
		}
		if (rc != RC_OK || code == 0)
			return rc;
		if (*ret_pending > 0) {
			// The server is idle and we have all it sent: what was waiting has been replaced, and was sent
			// already.
			*ret_pending = 0;
			return err_set(err, RC_NOT_FOUND, "nothing is waiting any more");
		}
	}
}

void bus_kv_reader_close(struct bus_kv_reader *reader)
{
	if (reader->inbox.subscription != NULL) {
		// Not awaited: the server removes it by itself seconds after its listener has gone.
		char subject[BUS_SUBJECT_SIZE];
		(void)snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.DELETE.%s", reader->consumer);
		(void)bus_send_text(reader->bus, subject, "", NULL);
	}
	bus_inbox_close(&reader->inbox);
	*reader = (struct bus_kv_reader){ 0 };
}
