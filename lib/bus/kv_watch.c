// A thread that follows one bucket and begins anew whenever it cannot be sure to have seen everything.
#include "bus/kv_private.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// How soon a stop is noticed.
#define SLICE_MS 250
#define RESTART_PAUSE_MS 200
// Silent for longer than two heartbeats: the consumer has gone.
#define SILENCE_US ((int64_t)KV_HEARTBEAT_MS * 2500)

struct bus_kv_watch {
	struct bus *bus;
	char bucket[64];
	bus_kv_callback *callback;
	void *context;
	pthread_t thread;
	atomic_bool stopping;
};

static void tell_synced(struct bus_kv_watch *watch)
{
	const struct bus_kv_entry synced = { .operation = BUS_KV_SYNCED };
	watch->callback(watch->context, &synced);
}

// Deliver until something is amiss.
static void follow(struct bus_kv_watch *watch, struct bus_kv_reader *reader, uint64_t pending)
{
	bool synced = pending == 0;
	if (synced)
		tell_synced(watch);
	while (!atomic_load(&watch->stopping)) {
		struct bus_kv_entry entry = { 0 };
		enum rc rc = bus_kv_reader_next(reader, SLICE_MS, &entry, &pending, NULL);
		if (rc == RC_TIMEOUT && clock_monotonic_us() - reader->heard_us < SILENCE_US)
			continue;
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return;
		if (rc == RC_OK)
			watch->callback(watch->context, &entry);
		bus_kv_entry_done(&entry);
		if (!synced && pending == 0) {
			synced = true;
			tell_synced(watch);
		}
	}
}

static void *run_watch(void *context)
{
	struct bus_kv_watch *watch = context;
	while (!atomic_load(&watch->stopping)) {
		if (!bus_wait_connected(watch->bus, deadline_after_ms(SLICE_MS)))
			continue;
		struct bus_kv_reader reader = { 0 };
		uint64_t pending = 0;
		enum rc rc = bus_kv_reader_open(watch->bus, watch->bucket, NULL, &reader, &pending, NULL);
		if (rc == RC_OK)
			follow(watch, &reader, pending);
		else if (rc == RC_NOT_FOUND)
			bus_repair_streams(watch->bus);
		bus_kv_reader_close(&reader);
		if (!atomic_load(&watch->stopping))
			clock_sleep_ms(RESTART_PAUSE_MS);
	}
	return NULL;
}

enum rc bus_kv_watch_start(struct bus *bus, const char *bucket, bus_kv_callback *callback, void *context,
                           struct bus_kv_watch **ret_watch, struct err *err)
{
	enum rc rc = bus_kv_check_bucket(bucket, err);
	if (rc != RC_OK)
		return rc;
	struct bus_kv_watch *watch = calloc(1, sizeof(*watch));
	if (watch == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a watch");
	watch->bus = bus;
	watch->callback = callback;
	watch->context = context;
	memcpy(watch->bucket, bucket, strlen(bucket) + 1);
	atomic_init(&watch->stopping, false);
	int failure = pthread_create(&watch->thread, NULL, run_watch, watch);
	if (failure != 0) {
		free(watch);
		return err_set(err, RC_INTERNAL, "watch thread: %s", strerror(failure));
	}
	*ret_watch = watch;
	return RC_OK;
}

void bus_kv_watch_stop(struct bus_kv_watch *watch)
{
	if (watch == NULL)
		return;
	atomic_store(&watch->stopping, true);
	(void)pthread_join(watch->thread, NULL);
	free(watch);
}
