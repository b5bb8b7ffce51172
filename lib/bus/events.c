// The thread of a follower, and its consumer.
#include "bus/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus_private.h"

// How soon a stop is noticed.
#define SLICE_MS 250
#define RESTART_PAUSE_MS 200
// The server gives a sign of life so often while there is nothing to tell; silent for longer than twice that, the
// consumer has gone.
#define HEARTBEAT_MS 2000
#define SILENCE_US ((int64_t)HEARTBEAT_MS * 2500)
// What nats.c may hold for us; beyond it messages are dropped, which shows as a gap.
#define PENDING_MESSAGES (256 * 1024)
#define PENDING_BYTES (256 * 1024 * 1024)

struct bus_events {
	struct bus *bus;
	struct bus_events_options options;
	pthread_t thread;
	atomic_bool stopping;
	// The thread's.
	struct bus_inbox inbox;
	char consumer[160];     // "<stream>.<name>", for deleting it
	uint64_t last_consumer; // sequence of the latest delivery: they have no gaps
	uint64_t last_sequence; // of the latest message handed on
	int64_t heard_us;       // when the server was last heard of (monotonic)
};

// FNV-1a of the time of the stream's creation, which the server keeps to the nanosecond.
static uint32_t identity_of(const char *created)
{
	uint32_t hash = 2166136261u;
	for (const char *at = created; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	return hash;
}

static enum rc look_at_stream(struct bus_events *events, struct bus_events_begin *ret_begin, struct err *err)
{
	json_auto_t *info = NULL;
	enum rc rc = bus_api_call(events->bus, NULL, deadline_after_ms(events->bus->timeout_ms), &info, err,
	                          "STREAM.INFO.%s", events->options.stream);
	if (rc != RC_OK)
		return rc;
	const char *created = json_string_value(json_object_get(info, "created"));
	json_t *state = json_object_get(info, "state");
	if (created == NULL || state == NULL)
		return err_set(err, RC_CORRUPT, "a stream without a state");
	*ret_begin = (struct bus_events_begin){
		.identity = identity_of(created),
		.first_sequence = (uint64_t)json_integer_value(json_object_get(state, "first_seq")),
		.last_sequence = (uint64_t)json_integer_value(json_object_get(state, "last_seq")),
	};
	if (json_integer_value(json_object_get(state, "messages")) == 0)
		ret_begin->first_sequence = ret_begin->last_sequence + 1;
	return RC_OK;
}

static enum rc create_consumer(struct bus_events *events, uint64_t from, struct err *err)
{
	const struct bus_events_options *options = &events->options;
	json_auto_t *config = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:i, s:I, s:b, s:i}", "deliver_subject",
	                                events->inbox.subject, "deliver_policy", "by_start_sequence", "opt_start_seq",
	                                (json_int_t)from, "filter_subject", options->subject, "ack_policy", "none",
	                                "replay_policy", "instant", "max_deliver", 1, "idle_heartbeat",
	                                (json_int_t)HEARTBEAT_MS * 1000000, "mem_storage", 1, "num_replicas", 1);
	json_auto_t *request = json_pack("{s:s, s:O}", "stream_name", options->stream, "config", config);
	json_auto_t *info = NULL;
	if (request == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a consumer");
	enum rc rc = bus_api_call(events->bus, request, deadline_after_ms(events->bus->timeout_ms), &info, err,
	                          "CONSUMER.CREATE.%s", options->stream);
	if (rc != RC_OK)
		return rc;
	const char *name = json_string_value(json_object_get(info, "name"));
	(void)snprintf(events->consumer, sizeof events->consumer, "%s.%s", options->stream, name != NULL ? name : "");
	events->last_consumer = 0;
	events->heard_us = clock_monotonic_us();
	return RC_OK;
}

static enum rc open_consumer(struct bus_events *events, struct err *err)
{
	struct bus_events_begin before, after;
	enum rc rc = bus_inbox_open(events->bus, false, &events->inbox, err);
	if (rc == RC_OK &&
	    natsSubscription_SetPendingLimits(events->inbox.subscription, PENDING_MESSAGES, PENDING_BYTES) != NATS_OK)
		rc = err_set(err, RC_INTERNAL, "the subscription's limits cannot be set");
	if (rc == RC_OK)
		rc = look_at_stream(events, &before, err);
	if (rc != RC_OK)
		return rc;
	uint64_t from = events->options.begin(events->options.context, &before);
	if (from < before.first_sequence)
		from = before.first_sequence;
	events->last_sequence = from - 1;
	rc = create_consumer(events, from, err);
	if (rc == RC_OK)
		rc = look_at_stream(events, &after, err);
	if (rc == RC_OK && after.identity != before.identity)
		rc = err_set(err, RC_CONFLICT, "the stream was made anew meanwhile");
	return rc;
}

static void close_consumer(struct bus_events *events)
{
	if (events->consumer[0] != '\0') {
		// Not awaited: the server removes it by itself seconds after its listener has gone.
		char subject[BUS_SUBJECT_SIZE];
		(void)snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.%s", events->consumer);
		(void)bus_send_text(events->bus, subject, "", NULL);
	}
	events->consumer[0] = '\0';
	bus_inbox_close(&events->inbox);
}

// A heartbeat names the latest delivery; when that is not the latest we have, something was lost on the way.
static enum rc check_heartbeat(const struct bus_events *events, natsMsg *status, int code, struct err *err)
{
	const char *last = NULL;
	if (code >= 200)
		return err_set(err, RC_CORRUPT, "the consumer was ended (%d)", code);
	if (natsMsgHeader_Get(status, "Nats-Last-Consumer", &last) == NATS_OK && last != NULL &&
	    strtoull(last, NULL, 10) != events->last_consumer)
		return err_set(err, RC_CORRUPT, "messages were missed");
	return RC_OK;
}

static enum rc hand_on(struct bus_events *events, natsMsg *message, struct err *err)
{
	struct bus_delivery delivery = { 0 };
	if (!bus_delivery_parse(natsMsg_GetReply(message), &delivery) ||
	    delivery.consumer_sequence != events->last_consumer + 1 ||
	    delivery.stream_sequence <= events->last_sequence)
		return err_set(err, RC_CORRUPT, "messages were missed");
	const char *data = natsMsg_GetData(message);
	const struct bus_event event = { .sequence = delivery.stream_sequence,
		                         .time_us = delivery.time_us,
		                         .subject = natsMsg_GetSubject(message),
		                         .data = data != NULL ? data : "",
		                         .length = (size_t)natsMsg_GetDataLength(message) };
	events->last_consumer = delivery.consumer_sequence;
	events->last_sequence = delivery.stream_sequence;
	events->options.message(events->options.context, &event);
	return RC_OK;
}

// Hand on until something is amiss.
static void follow(struct bus_events *events)
{
	enum rc rc = RC_OK;
	while (rc == RC_OK && !atomic_load(&events->stopping)) {
		natsMsg *message = NULL;
		rc = bus_inbox_next(&events->inbox, SLICE_MS, &message, NULL);
		if (rc == RC_TIMEOUT && clock_monotonic_us() - events->heard_us < SILENCE_US)
			rc = RC_OK;
		if (message == NULL)
			continue;
		events->heard_us = clock_monotonic_us();
		int code = bus_message_status(message);
		rc = code != 0 ? check_heartbeat(events, message, code, NULL) : hand_on(events, message, NULL);
		natsMsg_Destroy(message);
	}
}

static void *run_events(void *context)
{
	struct bus_events *events = context;
	while (!atomic_load(&events->stopping)) {
		if (!bus_wait_connected(events->bus, deadline_after_ms(SLICE_MS)))
			continue;
		enum rc rc = open_consumer(events, NULL);
		if (rc == RC_OK)
			follow(events);
		else if (rc == RC_NOT_FOUND)
			bus_repair_streams(events->bus);
		close_consumer(events);
		if (!atomic_load(&events->stopping))
			clock_sleep_ms(RESTART_PAUSE_MS);
	}
	return NULL;
}

enum rc bus_events_start(struct bus *bus, const struct bus_events_options *options, struct bus_events **ret_events,
                         struct err *err)
{
	struct bus_events *events = calloc(1, sizeof *events);
	if (events == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a follower");
	events->bus = bus;
	events->options = *options;
	atomic_init(&events->stopping, false);
	int failure = pthread_create(&events->thread, NULL, run_events, events);
	if (failure != 0) {
		free(events);
		return err_set(err, RC_INTERNAL, "follower's thread: %s", strerror(failure));
	}
	(void)pthread_setname_np(events->thread, "bus-events");
	*ret_events = events;
	return RC_OK;
}

void bus_events_stop(struct bus_events *events)
{
	if (events == NULL)
		return;
	atomic_store(&events->stopping, true);
	(void)pthread_join(events->thread, NULL);
	free(events);
}
