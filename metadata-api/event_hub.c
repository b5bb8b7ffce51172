// Clients, what comes from the bus, and the hub's life.
#include "metadata-api/event_hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "bus/events.h"
#include "bus/streams.h"
#include "http/feed.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/event_hub_priv.h"
#include "metadata-api/event_ring.h"

#define RETRY_MS 3000
#define STALL_MS 30000

// ---- clients (the lock is held) -----------------------------------------------------------------------------------

static struct event_client **bucket_of(struct event_hub *hub, const struct uuid *owner_id)
{
	uint64_t bits;
	memcpy(&bits, owner_id->bytes + 8, sizeof bits); // the random part
	return &hub->buckets[(bits ^ bits >> 32) & (EVENT_HUB_BUCKETS - 1)];
}

void event_client_make_ready(struct event_client *client)
{
	struct event_hub *hub = client->hub;
	if (client->state == CLIENT_BUSY)
		client->again = true;
	if (client->state != CLIENT_IDLE)
		return;
	client->state = CLIENT_READY;
	client->next_ready = NULL;
	if (hub->first_ready == NULL)
		hub->first_ready = client;
	else
		hub->last_ready->next_ready = client;
	hub->last_ready = client;
	(void)pthread_cond_signal(&hub->changed);
}

static void delist(struct event_client *client)
{
	struct event_client **link = bucket_of(client->hub, &client->owner_id);
	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client->hub->client_count--;
	metric_set(client->hub->clients_metric, (int64_t)client->hub->client_count);
}

void event_client_free(struct event_client *client)
{
	http_feed_release(client->feed);
	free(client);
}

void event_client_place(struct event_client *client)
{
	struct event_hub *hub = client->hub;
	uint64_t live = event_ring_next(hub->ring) > hub->live_from ? event_ring_next(hub->ring) : hub->live_from;
	client->must_reset |= client->identity != 0 && client->identity != hub->identity;
	if (client->must_reset || client->from == 0)
		client->from = live;
	client->identity = hub->identity;
	client->is_placed = client->wants_id = true;
}

// ---- what comes from the bus --------------------------------------------------------------------------------------

void event_hub_for_all(struct event_hub *hub, void (*act)(struct event_client *client))
{
	for (size_t i = 0; i < EVENT_HUB_BUCKETS; i++) {
		for (struct event_client *client = hub->buckets[i], *next; client != NULL; client = next) {
			next = client->next;
			act(client);
		}
	}
}

static void begin_client(struct event_client *client)
{
	event_client_place(client);
	event_client_make_ready(client);
}

static void reset_client(struct event_client *client)
{
	client->must_reset = true;
	begin_client(client);
}

static uint64_t on_begin(void *context, const struct bus_events_begin *begin)
{
	struct event_hub *hub = context;
	uint64_t kept = (uint64_t)hub->api->settings->api_events_kept;
	uint64_t from = begin->last_sequence > kept ? begin->last_sequence + 1 - kept : 1;
	if (from < begin->first_sequence)
		from = begin->first_sequence;
	(void)pthread_mutex_lock(&hub->lock);
	bool is_new = hub->identity != begin->identity;
	bool is_first = hub->identity == 0;
	uint64_t next = event_ring_next(hub->ring);
	if (!is_new && next >= begin->first_sequence) {
		from = next;
	} else {
		event_ring_clear(hub->ring, from);
		hub->identity = begin->identity;
		hub->live_from = begin->last_sequence + 1;
		event_hub_for_all(hub, is_first ? begin_client : reset_client);
	}
	(void)pthread_mutex_unlock(&hub->lock);
	return from;
}

static bool read_note(const struct bus_event *message, struct event_note *ret_note)
{
	struct event event;
	if (event_decode(message->data, message->length, &event, NULL) != RC_OK || event.kind == EVENT_JOB)
		return false;
	bool is_item = event.kind == EVENT_ITEM;
	*ret_note = (struct event_note){
		.sequence = message->sequence,
		.is_item = is_item,
		.owner_id = is_item ? event.item.owner_id : event.media.owner_id,
		.object_id = is_item ? event.item.item_id : event.media.media_id,
		.verb = (uint8_t)(is_item ? (int)event.item.verb : (int)event.media.verb),
	};
	return true;
}

static void on_message(void *context, const struct bus_event *message)
{
	struct event_hub *hub = context;
	struct event_note note;
	if (!read_note(message, &note))
		return; // a newer program's: its clients are told by that one
	(void)pthread_mutex_lock(&hub->lock);
	event_ring_add(hub->ring, &note);
	for (struct event_client *client = *bucket_of(hub, &note.owner_id); client != NULL; client = client->next) {
		if (!uuid_equal(&client->owner_id, &note.owner_id) || note.sequence < client->from)
			continue;
		if (client->state == CLIENT_IDLE)
			client->from = note.sequence; // it has seen all before: nothing to look through
		event_client_make_ready(client);
	}
	(void)pthread_mutex_unlock(&hub->lock);
	if (hub->watcher != NULL)
		hub->watcher(hub->watcher_context);
}

// ---- what a feed says (event threads) -----------------------------------------------------------------------------

static void on_drained(void *context)
{
	struct event_client *client = context;
	struct event_hub *hub = client->hub;
	(void)pthread_mutex_lock(&hub->lock);
	if (client->state == CLIENT_FULL) {
		client->state = CLIENT_IDLE;
		event_client_make_ready(client);
	}
	(void)pthread_mutex_unlock(&hub->lock);
}

static void on_ended(void *context)
{
	struct event_client *client = context;
	struct event_hub *hub = client->hub;
	(void)pthread_mutex_lock(&hub->lock);
	delist(client);
	client->is_gone = true;
	bool is_held = client->state == CLIENT_BUSY || client->state == CLIENT_READY;
	(void)pthread_mutex_unlock(&hub->lock);
	if (!is_held)
		event_client_free(client);
}

// ---- coming ---------------------------------------------------------------------------------------------------------

static size_t count_of_owner(struct event_hub *hub, const struct uuid *owner_id)
{
	size_t count = 0;
	for (struct event_client *client = *bucket_of(hub, owner_id); client != NULL; client = client->next)
		count += uuid_equal(&client->owner_id, owner_id);
	return count;
}

// At most half of the connections, so that there are always some for other calls.
static size_t most_clients(const struct settings *settings)
{
	int64_t half = settings->http_connections / 2;
	return (size_t)(settings->api_event_clients < half ? settings->api_event_clients : half);
}

// False when the problem has been answered.
static bool enlist(struct event_hub *hub, struct event_client *client, struct http_request *request)
{
	size_t most_of_account = (size_t)hub->api->live.event_clients_of_account;
	(void)pthread_mutex_lock(&hub->lock);
	bool is_crowded = hub->client_count >= most_clients(hub->api->settings);
	bool is_greedy = count_of_owner(hub, &client->owner_id) >= most_of_account;
	if (!is_crowded && !is_greedy) {
		struct event_client **bucket = bucket_of(hub, &client->owner_id);
		client->next = *bucket;
		*bucket = client;
		hub->client_count++;
		metric_set(hub->clients_metric, (int64_t)hub->client_count);
	}
	(void)pthread_mutex_unlock(&hub->lock);
	if (is_greedy) {
		http_respond_retry_after(request, 30);
		http_respond_problem(request, 429, "too-many-streams",
		                     "This account has %zu event streams open. Close one of them first.",
		                     most_of_account);
	} else if (is_crowded) {
		http_respond_retry_after(request, 10);
		http_respond_problem(request, 503, "overloaded", "Too many event streams are open. Try again shortly.");
	}
	return !is_crowded && !is_greedy;
}

static struct event_client *client_new(struct event_hub *hub, const struct http_principal *principal,
                                       const struct event_hub_place *from)
{
	struct event_client *client = calloc(1, sizeof *client);
	if (client == NULL)
		return NULL;
	*client = (struct event_client){
		.hub = hub,
		.owner_id = principal->user_id,
		.session_id = principal->session_id,
		.expires_at = principal->expires_at,
		.identity = from->identity,
		.from = from->sequence == 0 && from->identity == 0 ? 0 : from->sequence + 1,
		.state = CLIENT_BUSY, // nobody else's until it is open
	};
	return client;
}

// It is open: place it and let it go. The lock is held. False when it is gone already.
static bool begin_feed(struct event_client *client, struct http_feed *feed)
{
	struct event_hub *hub = client->hub;
	client->feed = feed;
	client->state = CLIENT_IDLE;
	if (client->is_gone)
		return false;
	if (hub->identity != 0 && !client->is_placed)
		event_client_place(client);
	event_client_make_ready(client);
	return true;
}

void event_hub_answer(struct event_hub *hub, struct http_request *request, const struct event_hub_place *from)
{
	struct err err = { 0 };
	struct http_feed *feed = NULL;
	struct event_client *client = client_new(hub, http_request_principal(request), from);
	if (client == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	if (!enlist(hub, client, request)) {
		free(client);
		return;
	}
	const struct http_feed_options options = { .content_type = "text/event-stream",
		                                   .buffer_bytes = EVENT_FEED_BYTES,
		                                   .heartbeat = ":\n\n",
		                                   .heartbeat_ms = hub->api->settings->api_events_heartbeat_ms,
		                                   .stall_ms = STALL_MS,
		                                   .drained = on_drained,
		                                   .ended = on_ended,
		                                   .context = client };
	char greeting[32];
	http_respond_header(request, "X-Accel-Buffering", "no");
	enum rc rc = http_respond_feed(request, &options, &feed, &err);
	if (rc == RC_OK) {
		int length = snprintf(greeting, sizeof greeting, "retry: %d\n\n", RETRY_MS);
		(void)http_feed_write(feed, greeting, (size_t)length);
	}
	(void)pthread_mutex_lock(&hub->lock);
	if (rc != RC_OK)
		delist(client);
	bool goes_on = rc == RC_OK && begin_feed(client, feed);
	(void)pthread_mutex_unlock(&hub->lock);
	if (!goes_on)
		event_client_free(client);
	if (rc != RC_OK)
		http_respond_rc(request, &err);
}

// ---- the hub's own life -------------------------------------------------------------------------------------------

static enum rc start(struct event_hub *hub, struct bus *bus, struct err *err)
{
	struct api *api = hub->api;
	hub->clients_metric = metrics_add(api->metrics, METRIC_GAUGE, "safelight_api_event_clients",
	                                  "Clients that follow their events.", NULL);
	hub->sent_metric = metrics_add(api->metrics, METRIC_COUNTER, "safelight_api_events_sent_total",
	                               "Events written to clients.", NULL);
	hub->reset_metric = metrics_add(api->metrics, METRIC_COUNTER, "safelight_api_event_resets_total",
	                                "Clients whose place was not there any more.", NULL);
	enum rc rc = event_ring_new((size_t)api->settings->api_events_kept, &hub->ring, err);
	if (rc != RC_OK)
		return rc;
	if (pthread_create(&hub->thread, NULL, event_writer_run, hub) != 0)
		return err_set(err, RC_UNAVAILABLE, "cannot start the events thread");
	hub->has_thread = true;
	(void)pthread_setname_np(hub->thread, "events");
	const struct bus_events_options options = { .stream = BUS_STREAM_EVENTS,
		                                    .subject = "events.>",
		                                    .begin = on_begin,
		                                    .message = on_message,
		                                    .context = hub };
	return bus_events_start(bus, &options, &hub->events, err);
}

enum rc event_hub_new(struct api *api, struct bus *bus, event_hub_watcher *watcher, void *watcher_context,
                      struct event_hub **ret_hub, struct err *err)
{
	struct event_hub *hub = calloc(1, sizeof *hub);
	if (hub == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the events");
	hub->api = api;
	hub->watcher = watcher;
	hub->watcher_context = watcher_context;
	(void)pthread_mutex_init(&hub->lock, NULL);
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&hub->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	enum rc rc = start(hub, bus, err);
	if (rc != RC_OK) {
		event_hub_free(hub);
		return rc;
	}
	*ret_hub = hub;
	return RC_OK;
}

void event_hub_free(struct event_hub *hub)
{
	if (hub == NULL)
		return;
	bus_events_stop(hub->events);
	(void)pthread_mutex_lock(&hub->lock);
	hub->stops = true;
	(void)pthread_cond_signal(&hub->changed);
	(void)pthread_mutex_unlock(&hub->lock);
	if (hub->has_thread)
		(void)pthread_join(hub->thread, NULL);
	while (hub->first_ready != NULL) {
		struct event_client *client = hub->first_ready;
		hub->first_ready = client->next_ready;
		event_client_free(client);
	}
	event_ring_free(hub->ring);
	(void)pthread_mutex_destroy(&hub->lock);
	(void)pthread_cond_destroy(&hub->changed);
	free(hub);
}
