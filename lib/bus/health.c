// What the server says of itself: $JS.API.INFO, STREAM.INFO of the declared streams, CONSUMER.LIST of JOBS.
#include "bus/health.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bus/bus_private.h"

static uint64_t read_count(json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));
	return value > 0 ? (uint64_t)value : 0;
}

static enum rc ask_account(struct bus *bus, struct bus_health *health, struct deadline deadline, struct err *err)
{
	json_auto_t *info = NULL;
	enum rc rc = bus_api_call(bus, NULL, deadline, &info, err, "INFO");
	if (rc != RC_OK)
		return rc;
	health->jetstream = true;
	health->store_bytes = read_count(info, "storage");
	health->store_limit_bytes = json_integer_value(json_object_get(json_object_get(info, "limits"), "max_storage"));
	return RC_OK;
}

static enum rc ask_stream(struct bus *bus, const char *name, struct bus_health *health, struct deadline deadline,
                          struct err *err)
{
	struct bus_health_stream *stream = &health->streams[health->stream_count++];
	(void)snprintf(stream->name, sizeof(stream->name), "%s", name);
	json_auto_t *info = NULL;
	enum rc rc = bus_api_call(bus, NULL, deadline, &info, err, "STREAM.INFO.%s", name);
	if (rc != RC_OK)
		return rc;
	stream->present = true;
	json_t *state = json_object_get(info, "state");
	stream->messages = read_count(state, "messages");
	stream->bytes = read_count(state, "bytes");
	stream->max_bytes = read_count(json_object_get(info, "config"), "max_bytes");
	return RC_OK;
}

static enum rc ask_consumers(struct bus *bus, struct bus_health *health, struct deadline deadline, struct err *err)
{
	json_auto_t *request = json_pack("{s:i}", "offset", 0);
	json_auto_t *list = NULL;
	if (request == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a request");
	enum rc rc = bus_api_call(bus, request, deadline, &list, err, "CONSUMER.LIST.%s", BUS_STREAM_JOBS);
	if (rc != RC_OK)
		return rc;
	size_t index = 0;
	json_t *info = NULL;
	json_array_foreach(json_object_get(list, "consumers"), index, info)
	{
		if (health->consumer_count == BUS_HEALTH_CONSUMERS)
			break;
		struct bus_health_consumer *consumer = &health->consumers[health->consumer_count++];
		const char *name = json_string_value(json_object_get(info, "name"));
		(void)snprintf(consumer->name, sizeof(consumer->name), "%s", name != NULL ? name : "");
		consumer->pending = read_count(info, "num_pending");
		consumer->ack_pending = read_count(info, "num_ack_pending");
		consumer->redelivered = read_count(info, "num_redelivered");
		consumer->waiting = read_count(info, "num_waiting");
	}
	return RC_OK;
}

enum rc bus_health_check(struct bus *bus, struct bus_health *ret_health, struct deadline deadline, struct err *err)
{
	static_assert(BUS_HEALTH_STREAMS >= 4, "room for every declared stream");
	*ret_health = (struct bus_health){ .connected = bus_is_connected(bus) };
	enum rc rc = ask_account(bus, ret_health, deadline, err);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < bus_stream_count && i < BUS_HEALTH_STREAMS; i++) {
		struct err failure = { 0 };
		enum rc one = ask_stream(bus, bus_stream_table[i].name, ret_health, deadline, &failure);
		if (one != RC_OK && rc == RC_OK)
			rc = err_set(err, one, "%s", failure.text);
	}
	enum rc consumers = ask_consumers(bus, ret_health, deadline, rc == RC_OK ? err : NULL);
	return rc == RC_OK ? consumers : rc;
}

struct bus_health_backlog bus_health_backlog(const struct bus_health *health, const char *pool)
{
	struct bus_health_backlog backlog = { 0 };
	size_t length = strlen(pool);
	for (size_t i = 0; i < health->consumer_count; i++) {
		const struct bus_health_consumer *consumer = &health->consumers[i];
		if (strncmp(consumer->name, pool, length) != 0 || consumer->name[length] != '-')
			continue;
		backlog.pending += consumer->pending;
		backlog.in_hand += consumer->ack_pending;
	}
	return backlog;
}
