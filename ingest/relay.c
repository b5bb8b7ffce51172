// Rounds of claim, publish, mark.
#include "ingest/relay.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/retry.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "bus/publish.h"
#include "bus/streams.h"
#include "catalog/outbox.h"
#include "db/listen.h"
#include "http/trace.h"
#include "ingest/ingest.h"
#include "ingest/trouble.h"

#define POLL_MS 1000
#define LOOK_EVERY_MS 2000
#define PURGE_EVERY_MS 10000
#define PURGE_ROWS 5000

static const struct retry_policy PAUSE = { .attempts = 1, .base_ms = 100, .cap_ms = 1000 };

struct relay {
	struct ingest *ingest;
	struct db_listener *listener;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; // guards the next two
	pthread_cond_t changed;
	bool is_hinted;
	bool is_stopping;
	atomic_bool has_lost;
	_Atomic uint64_t highest; // number that the bus gave one of our events
	// The thread's own.
	struct trouble relaying;
	struct trouble looking;
	struct trouble purging;
	int64_t look_us;
	int64_t purge_us;
	struct metric *sent;
	struct metric *failed;
	struct metric *lag;
	struct metric *waiting;
	struct metric *oldest;
};

// ---- one batch ----------------------------------------------------------------------------------------------------

static void fill(const struct outbox_row *row, struct bus_publication *publication)
{
	*publication = (struct bus_publication){
		.stream = strncmp(row->subject, "jobs.", 5) == 0 ? BUS_STREAM_JOBS : BUS_STREAM_EVENTS,
		.subject = row->subject,
		.message_id = row->message_id,
		.payload = row->payload,
		.length = strlen(row->payload),
	};
}

// Numbers in a stream only rise, until it is made anew or loses its end (safety.md §0: acknowledged is not yet on
// disk).
static void watch_numbers(struct relay *relay, const struct bus_publication *publication)
{
	if (publication->duplicate || strcmp(publication->stream, BUS_STREAM_EVENTS) != 0)
		return;
	if (publication->sequence <= atomic_exchange(&relay->highest, publication->sequence))
		atomic_store(&relay->has_lost, true);
}

// The call that caused the message: its payload is ours, and a quotation mark inside a text is escaped, so the member's
// name stands in it once.
static void record_span(struct relay *relay, const struct outbox_row *row, int64_t now_us)
{
	static const char MEMBER[] = "\"traceparent\":\"";
	char parent[TRACE_PARENT_SIZE], span[TRACE_PARENT_SIZE], name[96];
	const char *found = strstr(row->payload, MEMBER);
	if (found == NULL)
		return;
	(void)snprintf(parent, sizeof parent, "%s", found + sizeof MEMBER - 1);
	trace_new_span(parent, span);
	(void)snprintf(name, sizeof name, "publish %s", row->subject);
	trace_record(relay->ingest->trace,
	             &(struct trace_span){ .name = name,
	                                   .traceparent = span,
	                                   .parent = parent,
	                                   .kind = TRACE_PRODUCER,
	                                   .started_us = row->created_at,
	                                   .ended_us = now_us,
	                                   .attributes = { { "messaging.system", "nats", 0 },
	                                                   { "messaging.message.id", row->message_id, 0 } } });
}

static enum rc send_batch(void *context, const struct outbox_row *rows, size_t count, struct deadline deadline,
                          bool *ret_sent, struct err *err)
{
	struct relay *relay = context;
	struct bus_publication *publications = calloc(count, sizeof *publications);
	if (publications == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a batch");
	for (size_t i = 0; i < count; i++)
		fill(&rows[i], &publications[i]);
	enum rc rc = bus_publish_many(relay->ingest->bus, publications, count, deadline, err);
	size_t sent = 0;
	int64_t now = clock_now_us();
	for (size_t i = 0; i < count; i++) {
		ret_sent[i] = publications[i].result == RC_OK;
		if (!ret_sent[i])
			continue;
		sent++;
		watch_numbers(relay, &publications[i]);
		if (relay->ingest->trace != NULL)
			record_span(relay, &rows[i], now);
		metric_observe_us(relay->lag, now > rows[i].created_at ? now - rows[i].created_at : 0);
	}
	free(publications);
	metric_add(relay->sent, (int64_t)sent);
	metric_add(relay->failed, (int64_t)(count - sent));
	if (rc != RC_OK && sent > 0)
		LOG_FAILURE(LOG_WARNING, "relay_incomplete", err, LOG_INT("sent", sent), LOG_INT("count", count));
	return sent > 0 ? RC_OK : rc;
}

// ---- the thread ---------------------------------------------------------------------------------------------------

static void on_notification(void *context, const char *payload)
{
	(void)payload;
	struct relay *relay = context;
	(void)pthread_mutex_lock(&relay->lock);
	relay->is_hinted = true;
	(void)pthread_cond_signal(&relay->changed);
	(void)pthread_mutex_unlock(&relay->lock);
}

static bool is_stopping(struct relay *relay)
{
	(void)pthread_mutex_lock(&relay->lock);
	bool stopping = relay->is_stopping;
	(void)pthread_mutex_unlock(&relay->lock);
	return stopping;
}

// Wait for a hint or the end, at most milliseconds; hints do not cut a pause after a failure short.
static void wait_for_work(struct relay *relay, int64_t milliseconds, bool is_pause)
{
	int64_t until_us = clock_monotonic_us() + milliseconds * 1000;
	const struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
	(void)pthread_mutex_lock(&relay->lock);
	int waited = 0;
	while (waited == 0 && !relay->is_stopping && (is_pause || !relay->is_hinted))
		waited = pthread_cond_timedwait(&relay->changed, &relay->lock, &until);
	if (!is_pause)
		relay->is_hinted = false;
	(void)pthread_mutex_unlock(&relay->lock);
}

static struct catalog_call call_of(const struct relay *relay)
{
	int64_t both = relay->ingest->settings->database_timeout_ms + relay->ingest->settings->bus_timeout_ms;
	return (struct catalog_call){ .deadline = deadline_after_ms(both) };
}

// Relay until nothing is waiting. False when something failed.
static bool relay_all(struct relay *relay)
{
	for (size_t count = 1; count > 0 && !is_stopping(relay);) {
		struct err err = { 0 };
		const struct catalog_call call = call_of(relay);
		// Rows tried in vain wait longer each time; while there is no bus they are better left alone.
		if (!bus_is_connected(relay->ingest->bus)) {
			err.rc = RC_UNAVAILABLE;
			bus_connect_error(relay->ingest->bus, err.text);
			(void)err_prefix(&err, err.rc, "not connected to the bus");
			trouble_fail(&relay->relaying, &err);
			return false;
		}
		enum rc rc = catalog_outbox_relay(&relay->ingest->catalog, &call, CATALOG_OUTBOX_BATCH, send_batch,
		                                  relay, &count, &err);
		if (trouble_report(&relay->relaying, rc, &err) != RC_OK)
			return false;
	}
	return true;
}

static bool is_due(int64_t *at_us, int64_t every_ms)
{
	int64_t now = clock_monotonic_us();
	if (now < *at_us)
		return false;
	*at_us = now + every_ms * 1000;
	return true;
}

static void look_at_backlog(struct relay *relay)
{
	struct err err = { 0 };
	int64_t count, oldest_ms;
	const struct catalog_call call = call_of(relay);
	if (!is_due(&relay->look_us, LOOK_EVERY_MS))
		return;
	enum rc rc = catalog_outbox_backlog(&relay->ingest->catalog, &call, &count, &oldest_ms, &err);
	if (trouble_report(&relay->looking, rc, &err) != RC_OK)
		return;
	metric_set(relay->waiting, count);
	metric_set(relay->oldest, oldest_ms / 1000);
}

static void purge(struct relay *relay)
{
	struct err err = { 0 };
	int64_t count = PURGE_ROWS;
	if (!is_due(&relay->purge_us, PURGE_EVERY_MS))
		return;
	while (count == PURGE_ROWS && !is_stopping(relay)) {
		const struct catalog_call call = call_of(relay);
		enum rc rc =
		        catalog_outbox_purge(&relay->ingest->catalog, &call, RELAY_KEEP_MS, PURGE_ROWS, &count, &err);
		if (trouble_report(&relay->purging, rc, &err) != RC_OK)
			return;
	}
}

static void *run(void *argument)
{
	struct relay *relay = argument;
	while (!is_stopping(relay)) {
		if (relay_all(relay))
			wait_for_work(relay, POLL_MS, false);
		else
			wait_for_work(relay, retry_delay_ms(&PAUSE, relay->relaying.failures), true);
		look_at_backlog(relay);
		purge(relay);
	}
	return NULL;
}

// ---- life ---------------------------------------------------------------------------------------------------------

static void add_metrics(struct relay *relay, struct metrics *metrics)
{
	relay->sent = metrics_add(metrics, METRIC_COUNTER, "safelight_outbox_sent_total",
	                          "Messages that the bus has acknowledged.", NULL);
	relay->failed = metrics_add(metrics, METRIC_COUNTER, "safelight_outbox_failures_total",
	                            "Messages that the bus has not acknowledged; they are sent again.", NULL);
	relay->lag = metrics_add(metrics, METRIC_HISTOGRAM, "safelight_outbox_lag_seconds",
	                         "From a message's commit to its acknowledgement by the bus.", NULL);
	relay->waiting = metrics_add(metrics, METRIC_GAUGE, "safelight_outbox_waiting",
	                             "Messages committed and not yet relayed.", NULL);
	relay->oldest = metrics_add(metrics, METRIC_GAUGE, "safelight_outbox_oldest_seconds",
	                            "Age of the oldest message that waits.", NULL);
}

enum rc relay_start(struct ingest *ingest, const struct db_options *listen, struct relay **ret_relay, struct err *err)
{
	pthread_condattr_t monotonic;
	struct relay *relay = calloc(1, sizeof *relay);
	if (relay == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the relay");
	relay->ingest = ingest;
	relay->relaying.name = "relay";
	relay->looking.name = "outbox_look";
	relay->purging.name = "outbox_purge";
	(void)pthread_mutex_init(&relay->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&relay->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	add_metrics(relay, ingest->metrics);
	struct db_options direct = *listen;
	enum rc rc = RC_OK;
	// Without a way around a pooler the look each second has to do.
	if (db_options_go_direct(&direct, ingest->settings))
		rc = db_listener_new(&direct, CATALOG_OUTBOX_CHANNEL, on_notification, relay, &relay->listener, err);
	if (rc == RC_OK && pthread_create(&relay->thread, NULL, run, relay) != 0)
		rc = err_set(err, RC_NO_MEMORY, "no thread for the relay");
	relay->has_thread = rc == RC_OK;
	if (rc != RC_OK) {
		relay_stop(relay);
		return rc;
	}
	(void)pthread_setname_np(relay->thread, "relay");
	*ret_relay = relay;
	return RC_OK;
}

void relay_stop(struct relay *relay)
{
	if (relay == NULL)
		return;
	(void)pthread_mutex_lock(&relay->lock);
	relay->is_stopping = true;
	(void)pthread_cond_signal(&relay->changed);
	(void)pthread_mutex_unlock(&relay->lock);
	if (relay->has_thread)
		(void)pthread_join(relay->thread, NULL);
	db_listener_free(relay->listener);
	(void)pthread_cond_destroy(&relay->changed);
	(void)pthread_mutex_destroy(&relay->lock);
	free(relay);
}

bool relay_take_loss(struct relay *relay)
{
	return atomic_exchange(&relay->has_lost, false);
}

void relay_expect_low_numbers(struct relay *relay)
{
	atomic_store(&relay->highest, 0);
}
