// The hub's fields and its clients, for the files that make it up.
//
// A client is idle (has all of its events), ready (in the queue of the writing thread), busy (in that thread's hands)
// or full (waits until what was written has been taken). Its owner's next event makes an idle one ready; only a busy
// one is used outside the lock, so it is freed by the thread when it ends meanwhile.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "metadata-api/event_hub.h"

struct bus_events;
struct event_ring;
struct http_feed;
struct metric;

#define EVENT_HUB_BUCKETS 4096 // a power of two
// More than the longest event.
#define EVENT_FEED_BYTES (512 * 1024)

enum event_client_state { CLIENT_IDLE, CLIENT_READY, CLIENT_BUSY, CLIENT_FULL };

struct event_client {
	struct event_hub *hub;
	struct event_client *next;       // in its bucket
	struct event_client *next_ready; // in the queue
	struct uuid owner_id;
	struct uuid session_id;
	int64_t expires_at; // of the token, seconds since the epoch
	struct http_feed *feed;
	enum event_client_state state;
	uint32_t identity; // of the stream that `from` is of; 0: unknown
	uint64_t from;     // events from this sequence on are to be written; 0: from what comes, once that is known
	bool is_placed;    // `from` is a sequence of the present stream, or 0
	bool must_reset;
	bool wants_id; // has not been told where it is
	bool again;    // busy, and something came meanwhile
	bool is_gone;
};

struct event_hub {
	struct api *api;
	struct bus_events *events;
	event_hub_watcher *watcher;
	void *watcher_context;
	struct metric *clients_metric;
	struct metric *sent_metric;
	struct metric *reset_metric;
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t lock; // guards what follows
	pthread_cond_t changed;
	bool stops;
	struct event_ring *ring;
	uint32_t identity;  // of the stream; 0: not known yet
	uint64_t live_from; // what comes newly has at least this sequence
	size_t client_count;
	struct event_client *first_ready, *last_ready;
	struct event_client *buckets[EVENT_HUB_BUCKETS];
};

// The lock is held. Have the writing thread look at it.
void event_client_make_ready(struct event_client *client);
// The lock is held, and the stream known. Find out where in it the client begins.
void event_client_place(struct event_client *client);
// Nobody else has it.
void event_client_free(struct event_client *client);
void event_hub_for_all(struct event_hub *hub, void (*act)(struct event_client *client));

// The writing thread; its argument is the hub.
void *event_writer_run(void *hub);
