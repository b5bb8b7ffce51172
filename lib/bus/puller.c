// Pull requests ($JS.API.CONSUMER.MSG.NEXT, ADR-13), one outstanding at a time, answered on an inbox of the puller's
// own.
//
// What nats-server 2.9.10 does with them, found by trying: a request with "expires" is answered by a message or, at
// that time, by 408; one with "no_wait" alone by a message or at once by 404, but while the consumer has
// max_ack_pending messages out it is kept silently and answered some day; a request to a consumer or stream that does
// not exist is not answered at all; deleting the consumer answers 409. Hence: silence means "look whether the consumer
// is there", and a request that may still be answered is remembered, so that no second one is made and no message lands
// unattended.
#include "bus/puller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "bus/bus_private.h"
#include "bus/message.h"

// How much later than its expiry a request's answer may come, and how long an immediate one may take.
#define ANSWER_GRACE_MS 250
// A request without expiry that was not answered counts as alive for so long.
#define UNANSWERED_MS 10000
// Between two tries within one fetch.
#define RETRY_PAUSE_MS 100
// Delay of messages given back at the end.
#define RETURN_DELAY_MS 100

struct bus_puller {
	struct bus *bus;
	char pool[32];
	enum bus_lane lane;
	unsigned max_ack_pending;
	struct bus_inbox inbox;
	uint64_t number;           // of the latest request; its reply subject ends in it
	int64_t outstanding_until; // the latest request may be answered until then (monotonic, us); 0: it was answered
	bool consumer_known;       // it was there when last looked
};

enum rc bus_puller_open(struct bus *bus, const char *pool, enum bus_lane lane, unsigned max_ack_pending,
                        struct bus_puller **ret_puller, struct err *err)
{
	enum rc rc = bus_consumer_check(pool, max_ack_pending, err);
	if (rc != RC_OK)
		return rc;
	struct bus_puller *puller = calloc(1, sizeof(*puller));
	if (puller == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a puller");
	puller->bus = bus;
	puller->lane = lane;
	puller->max_ack_pending = max_ack_pending;
	(void)snprintf(puller->pool, sizeof(puller->pool), "%s", pool);
	*ret_puller = puller;
	return RC_OK;
}

// Have an inbox on the present connection and a consumer to ask.
static enum rc attach(struct bus_puller *puller, struct deadline deadline, struct err *err)
{
	if (puller->inbox.subscription != NULL && !bus_link_is_alive(puller->inbox.link))
		bus_inbox_close(&puller->inbox);
	if (puller->inbox.subscription == NULL) {
		struct bus_link *link = bus_link_await(puller->bus, deadline, err);
		if (link == NULL)
			return RC_UNAVAILABLE;
		bus_link_release(link);
		enum rc rc = bus_inbox_open(puller->bus, true, &puller->inbox, err);
		if (rc != RC_OK)
			return rc;
		puller->outstanding_until = 0;
		puller->consumer_known = false;
	}
	if (puller->consumer_known)
		return RC_OK;
	enum rc rc = bus_ensure_consumer(puller->bus, puller->pool, puller->lane, puller->max_ack_pending, err);
	if (rc == RC_NOT_FOUND) {
		bus_repair_streams(puller->bus);
		return err_set(err, RC_UNAVAILABLE, "stream %s does not exist", BUS_STREAM_JOBS);
	}
	puller->consumer_known = rc == RC_OK;
	return rc;
}

// timeout_ms 0: answer at once.
static enum rc send_request(struct bus_puller *puller, int64_t timeout_ms, struct err *err)
{
	char subject[BUS_SUBJECT_SIZE];
	char reply[sizeof(puller->inbox.subject) + 24];
	char text[80];
	puller->number++;
	(void)snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s-%s", BUS_STREAM_JOBS, puller->pool,
	               bus_lane_name(puller->lane));
	(void)snprintf(reply, sizeof(reply), "%s.%llu", puller->inbox.subject, (unsigned long long)puller->number);
	if (timeout_ms > 0)
		(void)snprintf(text, sizeof(text), "{\"batch\":1,\"expires\":%lld}", (long long)timeout_ms * 1000000);
	else
		(void)snprintf(text, sizeof(text), "{\"batch\":1,\"no_wait\":true}");
	natsMsg *message = NULL;
	enum rc rc = bus_message_build(subject, reply, NULL, text, strlen(text), &message, err);
	if (rc == RC_OK)
		rc = bus_inbox_send(&puller->inbox, message, err);
	if (rc == RC_OK)
		puller->outstanding_until = deadline_after_ms(timeout_ms > 0 ? timeout_ms : UNANSWERED_MS).at_us;
	return rc;
}

// True when the status answers the latest request, not one given up before.
static bool is_latest(const struct bus_puller *puller, natsMsg *status)
{
	const char *subject = natsMsg_GetSubject(status);
	const char *tail = strrchr(subject, '.');
	return tail != NULL && strtoull(tail + 1, NULL, 10) == puller->number;
}

// A status instead of a message. RC_OK: not meant for us, wait on.
static enum rc take_status(struct bus_puller *puller, natsMsg *status, int code, struct err *err)
{
	if (code < 200 || !is_latest(puller, status))
		return RC_OK;
	puller->outstanding_until = 0;
	if (code == 404 || code == 408)
		return err_set(err, RC_TIMEOUT, "no message");
	// 409: the consumer was deleted or moved, or has too many requests.
	puller->consumer_known = false;
	return err_set(err, RC_UNAVAILABLE, "the server refused the pull request (%d)", code);
}

// Wait for the answer to the latest request.
static enum rc receive(struct bus_puller *puller, int64_t wait_ms, struct bus_message **ret_message, struct err *err)
{
	struct deadline deadline = deadline_after_ms(wait_ms);
	for (;;) {
		natsMsg *source = NULL;
		enum rc rc = bus_inbox_next(&puller->inbox, deadline_left_ms(deadline), &source, err);
		if (rc == RC_TIMEOUT || rc == RC_NOT_FOUND)
			puller->consumer_known = false;
		if (rc == RC_NOT_FOUND) {
			puller->outstanding_until = 0;
			rc = err_set(err, RC_UNAVAILABLE, "JetStream does not take pull requests");
		}
		if (rc != RC_OK)
			return rc;
		int code = bus_message_status(source);
		if (code == 0) {
			puller->outstanding_until = 0;
			return bus_message_wrap(puller->bus, source, ret_message, err);
		}
		rc = take_status(puller, source, code, err);
		natsMsg_Destroy(source);
		if (rc != RC_OK)
			return rc;
	}
}

static enum rc try_fetch(struct bus_puller *puller, struct deadline deadline, struct bus_message **ret_message,
                         struct err *err)
{
	enum rc rc = attach(puller, deadline, err);
	if (rc != RC_OK)
		return rc;
	int64_t left_ms = deadline_left_ms(deadline);
	bool asked = clock_monotonic_us() < puller->outstanding_until;
	if (!asked)
		rc = send_request(puller, left_ms, err);
	if (rc != RC_OK)
		return rc;
	return receive(puller, left_ms == 0 && asked ? 1 : left_ms + ANSWER_GRACE_MS, ret_message, err);
}

static void count_message(const struct bus_counters *counters, const struct bus_message *message)
{
	metric_add(counters->fetched, 1);
	if (bus_message_delivered_count(message) > 1)
		metric_add(counters->redelivered, 1);
}

enum rc bus_puller_fetch(struct bus_puller *puller, int64_t timeout_ms, struct bus_message **ret_message,
                         struct err *err)
{
	if (timeout_ms < 0 || timeout_ms > BUS_FETCH_TIMEOUT_MS_MAX)
		return err_set(err, RC_INVALID, "fetch timeout must be 0 to %d ms", BUS_FETCH_TIMEOUT_MS_MAX);
	struct deadline deadline = deadline_after_ms(timeout_ms);
	for (;;) {
		enum rc rc = try_fetch(puller, deadline, ret_message, err);
		if (rc == RC_OK)
			count_message(&puller->bus->counters, *ret_message);
		if (rc == RC_OK || deadline_passed(deadline))
			return rc;
		// Whatever came early, the caller asked for its time: try again, but never in a tight loop.
		int64_t left_ms = deadline_left_ms(deadline);
		clock_sleep_ms(left_ms < RETRY_PAUSE_MS ? left_ms : RETRY_PAUSE_MS);
	}
}

void bus_puller_close(struct bus_puller *puller)
{
	if (puller == NULL)
		return;
	enum rc rc = puller->inbox.subscription != NULL ? RC_OK : RC_TIMEOUT;
	while (rc == RC_OK) {
		struct bus_message *message = NULL;
		bool asked = clock_monotonic_us() < puller->outstanding_until;
		rc = receive(puller, asked ? ANSWER_GRACE_MS / 5 : 1, &message, NULL);
		if (rc == RC_OK)
			(void)bus_message_nak(message, RETURN_DELAY_MS, NULL);
		bus_message_free(message);
	}
	bus_inbox_close(&puller->inbox);
	free(puller);
}
