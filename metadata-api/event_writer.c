// The thread that writes: finds each ready client's events, loads what they are about, and gives them to its feed.
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "catalog/session_guard.h"
#include "http/feed.h"
#include "metadata-api/api.h"
#include "metadata-api/event_hub_priv.h"
#include "metadata-api/event_ring.h"
#include "metadata-api/event_text.h"

// How often tokens and sessions are looked at.
#define LOOK_US INT64_C(1000000)
// Between two tries while the database is away.
#define PAUSE_MS 200

// A turn of one client: what to write, taken under the lock, and what became of it.
struct turn {
	bool is_reset;
	bool has_id;
	uint64_t place; // the last sequence that needs nothing to be written
	uint32_t identity;
	struct event_note notes[EVENT_TEXT_BATCH];
	size_t count;
	uint64_t next;  // where to go on when all was written
	bool is_placed; // reset and id were written, if any
};

// The lock is held.
static void take_turn(struct event_client *client, struct turn *turn)
{
	struct event_hub *hub = client->hub;
	memset(turn, 0, sizeof *turn);
	if (!client->is_placed || hub->identity == 0)
		return;
	if (client->from < event_ring_first(hub->ring)) {
		client->must_reset = true;
		event_client_place(client);
	}
	turn->identity = hub->identity;
	turn->is_reset = client->must_reset;
	turn->has_id = client->wants_id;
	turn->place = client->from - 1;
	turn->count =
	        event_ring_find(hub->ring, &client->owner_id, client->from, turn->notes, EVENT_TEXT_BATCH, &turn->next);
	client->must_reset = client->wants_id = false;
}

static enum rc write_place(struct event_client *client, const struct turn *turn)
{
	struct buffer text;
	enum rc rc = RC_OK;
	buffer_init(&text, 512);
	if (turn->is_reset)
		buffer_append_text(&text, "event: reset\n");
	if (turn->is_reset || turn->has_id)
		event_text_write_id(&text, turn->place, turn->identity);
	if (turn->is_reset)
		buffer_append_text(&text, "data: {\"resync\":\"/v1/changes\"}\n");
	if (text.length > 0) {
		buffer_append_text(&text, "\n");
		rc = http_feed_write(client->feed, buffer_text(&text), text.length);
	}
	if (rc == RC_OK && turn->is_reset)
		metric_add(client->hub->reset_metric, 1);
	buffer_done(&text);
	return rc;
}

// Writes; turn->next becomes where to go on. RC_LIMIT: no room for more at present.
static enum rc write_turn(struct event_client *client, struct turn *turn, struct err *err)
{
	struct buffer texts[EVENT_TEXT_BATCH];
	enum rc rc = write_place(client, turn);
	if (rc != RC_OK)
		return err_set(err, rc, "the feed takes nothing");
	turn->is_placed = true;
	if (turn->count == 0)
		return RC_OK;
	for (size_t i = 0; i < turn->count; i++)
		buffer_init(&texts[i], EVENT_FEED_BYTES);
	rc = event_text_load(client->hub->api, &client->owner_id, turn->notes, turn->count, turn->identity, texts, err);
	bool is_loaded = rc == RC_OK;
	size_t written = 0;
	while (rc == RC_OK && written < turn->count) {
		rc = http_feed_write(client->feed, texts[written].data, texts[written].length);
		written += rc == RC_OK;
	}
	metric_add(client->hub->sent_metric, is_loaded ? (int64_t)written : 0);
	if (!is_loaded || written < turn->count)
		turn->next = turn->notes[is_loaded ? written : 0].sequence;
	for (size_t i = 0; i < turn->count; i++)
		buffer_done(&texts[i]);
	return rc;
}

// The lock is held. False when the client is to be freed.
static bool end_turn(struct event_client *client, const struct turn *turn, enum rc rc)
{
	if (client->is_gone)
		return false;
	client->state = CLIENT_IDLE;
	bool was_moved = client->must_reset || client->wants_id; // meanwhile, by a new stream
	if (!turn->is_placed) {
		client->must_reset |= turn->is_reset;
		client->wants_id |= turn->has_id;
	} else if (turn->next != 0 && !was_moved) {
		client->from = turn->next;
	}
	if (rc == RC_LIMIT && http_feed_waiting(client->feed) > 0)
		client->state = CLIENT_FULL;
	else if (rc != RC_NOT_FOUND && client->is_placed &&
	         (client->again || rc != RC_OK || client->from < event_ring_next(client->hub->ring)))
		event_client_make_ready(client);
	client->again = false;
	return true;
}

// The lock is held, and given up meanwhile.
static void serve(struct event_hub *hub)
{
	struct event_client *client = hub->first_ready;
	struct turn turn;
	struct err err = { 0 };
	enum rc rc = RC_NOT_FOUND;
	hub->first_ready = client->next_ready;
	client->state = CLIENT_BUSY;
	client->again = false;
	if (!client->is_gone) {
		take_turn(client, &turn);
		(void)pthread_mutex_unlock(&hub->lock);
		rc = write_turn(client, &turn, &err);
		if (rc != RC_OK && rc != RC_LIMIT && rc != RC_NOT_FOUND) {
			LOG_FAILURE(LOG_WARNING, "events_not_loaded", &err);
			clock_sleep_ms(PAUSE_MS);
		}
		(void)pthread_mutex_lock(&hub->lock);
	}
	if (client->is_gone || !end_turn(client, &turn, rc)) {
		(void)pthread_mutex_unlock(&hub->lock);
		event_client_free(client);
		(void)pthread_mutex_lock(&hub->lock);
	}
}

// A token that ran out, or a session that was ended, ends the feed; the client comes back with what is valid.
static void look_at(struct event_client *client)
{
	if (client->feed != NULL && (client->expires_at <= clock_now_us() / 1000000 ||
	                             session_guard_has_ended(client->hub->api->guard, &client->session_id)))
		http_feed_end(client->feed);
}

void *event_writer_run(void *argument)
{
	struct event_hub *hub = argument;
	int64_t look_at_us = 0;
	(void)pthread_mutex_lock(&hub->lock);
	while (!hub->stops) {
		int64_t now = clock_monotonic_us();
		if (now >= look_at_us) {
			event_hub_for_all(hub, look_at);
			look_at_us = now + LOOK_US;
		}
		if (hub->first_ready != NULL) {
			serve(hub);
			continue;
		}
		struct timespec at = { .tv_sec = look_at_us / 1000000, .tv_nsec = look_at_us % 1000000 * 1000 };
		(void)pthread_cond_timedwait(&hub->changed, &hub->lock, &at);
	}
	(void)pthread_mutex_unlock(&hub->lock);
	return NULL;
}
