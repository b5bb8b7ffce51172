// Publishing: all messages of a batch go out at once, each with a reply subject of its own, then the answers are
// awaited.
#include "bus/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "bus/bus_private.h"

// Text that may stand in a header or a subject: visible ASCII; spaces only where allowed.
static bool is_visible(const char *text, bool wildcards)
{
	size_t length = strlen(text);
	if (length == 0 || length >= BUS_SUBJECT_SIZE)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] <= ' ' || text[i] > '~' || (!wildcards && (text[i] == '*' || text[i] == '>')))
			return false;
	}
	return true;
}

static enum rc check_publication(const struct bus_publication *item, struct err *err)
{
	if (item->stream == NULL || item->subject == NULL || item->message_id == NULL)
		return err_set(err, RC_INVALID, "publication without stream, subject or message id");
	if (!is_visible(item->stream, true) || !is_visible(item->subject, false) || !is_visible(item->message_id, true))
		return err_set(err, RC_INVALID, "publication with a malformed stream, subject or message id");
	if (item->traceparent != NULL && !is_visible(item->traceparent, true))
		return err_set(err, RC_INVALID, "publication with a malformed traceparent");
	return RC_OK;
}

static enum rc send_publication(struct bus_inbox *inbox, const struct bus_publication *item, size_t number,
                                struct err *err)
{
	enum rc rc = check_publication(item, err);
	if (rc != RC_OK)
		return rc;
	char reply[sizeof(inbox->subject) + 24];
	(void)snprintf(reply, sizeof(reply), "%s.%zu", inbox->subject, number);
	const char *headers[7] = { "Nats-Msg-Id", item->message_id, "Nats-Expected-Stream", item->stream };
	if (item->traceparent != NULL) {
		headers[4] = "traceparent";
		headers[5] = item->traceparent;
	}
	natsMsg *message = NULL;
	rc = bus_message_build(item->subject, reply, headers, item->payload, item->length, &message, err);
	if (rc != RC_OK)
		return rc;
	return bus_inbox_send(inbox, message, err);
}

struct batch {
	struct bus_publication *items;
	size_t count;
	size_t awaited; // sent, not answered
	size_t refused; // of those, how many nobody listened to; which ones shows when all others are answered
	bool *open;     // of each item, the same
	size_t first_failed;
	struct err err; // of that one
};

static void settle(struct batch *batch, size_t number, enum rc rc, const struct err *err)
{
	batch->items[number].result = rc;
	if (batch->open[number]) {
		batch->open[number] = false;
		batch->awaited--;
	}
	if (rc != RC_OK && number < batch->first_failed) {
		batch->first_failed = number;
		batch->err = *err;
	}
}

static void send_batch(struct batch *batch, struct bus_inbox *inbox)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct err err = { 0 };
		enum rc rc = bus_link_is_alive(inbox->link) ? send_publication(inbox, &batch->items[i], i, &err)
		                                            : err_set(&err, RC_UNAVAILABLE, "connection lost");
		if (rc == RC_OK) {
			batch->open[i] = true;
			batch->awaited++;
		} else {
			settle(batch, i, rc, &err);
		}
	}
}

// The number at the end of the subject that an answer came to; count when it is not one of ours.
static size_t read_number(const struct bus_inbox *inbox, natsMsg *message, size_t count)
{
	size_t length = strlen(inbox->subject);
	const char *subject = natsMsg_GetSubject(message);
	if (strncmp(subject, inbox->subject, length) != 0 || subject[length] != '.')
		return count;
	char *end = NULL;
	unsigned long number = strtoul(subject + length + 1, &end, 10);
	return *end == '\0' && number < count ? number : count;
}

static void await_batch(struct batch *batch, struct bus_inbox *inbox, struct deadline deadline)
{
	struct err err = { 0 };
	enum rc rc = RC_OK;
	while (batch->awaited > batch->refused && rc == RC_OK) {
		natsMsg *answer = NULL;
		rc = bus_inbox_next(inbox, deadline_left_ms(deadline), &answer, &err);
		if (rc == RC_NOT_FOUND) {
			batch->refused++;
			rc = RC_OK;
			continue;
		}
		if (rc != RC_OK)
			break;
		size_t number = read_number(inbox, answer, batch->count);
		if (number < batch->count && batch->open[number]) {
			struct bus_publication *item = &batch->items[number];
			struct err failure = { 0 };
			settle(batch, number, bus_ack_parse(answer, &item->sequence, &item->duplicate, &failure),
			       &failure);
		}
		natsMsg_Destroy(answer);
	}
	if (batch->refused > 0)
		bus_repair_streams(inbox->bus);
	if (rc == RC_OK)
		rc = err_set(&err, RC_UNAVAILABLE, "no stream takes this subject, or JetStream is out of service");
	for (size_t i = 0; i < batch->count && batch->awaited > 0; i++) {
		if (batch->open[i])
			settle(batch, i, rc, &err);
	}
}

static void count_batch(const struct bus_counters *counters, const struct batch *batch, int64_t start_us)
{
	int64_t stored = 0;
	int64_t duplicates = 0;
	for (size_t i = 0; i < batch->count; i++) {
		stored += batch->items[i].result == RC_OK && !batch->items[i].duplicate;
		duplicates += batch->items[i].result == RC_OK && batch->items[i].duplicate;
	}
	metric_add(counters->published, stored);
	metric_add(counters->duplicates, duplicates);
	metric_add(counters->publish_failures, (int64_t)batch->count - stored - duplicates);
	metric_observe_us(counters->publish_time, clock_monotonic_us() - start_us);
}

static enum rc fail_all(struct bus_publication *items, size_t count, enum rc rc)
{
	for (size_t i = 0; i < count; i++)
		items[i].result = rc;
	return rc;
}

enum rc bus_publish_many(struct bus *bus, struct bus_publication *publications, size_t count, struct deadline deadline,
                         struct err *err)
{
	bool open[BUS_PUBLISH_BATCH_MAX] = { false };
	struct batch batch = { .items = publications, .count = count, .open = open, .first_failed = count };
	int64_t start_us = clock_monotonic_us();
	if (count > BUS_PUBLISH_BATCH_MAX)
		return err_set(err, RC_LIMIT, "more than %d publications at once", BUS_PUBLISH_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		publications[i].duplicate = false;
		publications[i].sequence = 0;
	}
	struct bus_inbox inbox = { 0 };
	enum rc rc = bus_inbox_open(bus, true, &inbox, err);
	if (rc != RC_OK)
		return fail_all(publications, count, rc);
	send_batch(&batch, &inbox);
	await_batch(&batch, &inbox, deadline);
	bus_inbox_close(&inbox);
	count_batch(&bus->counters, &batch, start_us);
	if (batch.first_failed == count)
		return RC_OK;
	return err_set(err, publications[batch.first_failed].result, "publish %s: %s",
	               publications[batch.first_failed].subject != NULL ? publications[batch.first_failed].subject
	                                                                : "?",
	               batch.err.text);
}

enum rc bus_publish(struct bus *bus, struct bus_publication *publication, struct deadline deadline, struct err *err)
{
	return bus_publish_many(bus, publication, 1, deadline, err);
}
