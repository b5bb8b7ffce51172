// Messages and their settlement (ADR-15: +ACK, -NAK, +WPI, +TERM sent to the reply subject of the delivery).
//
// Written by hand rather than with nats.c's natsMsg_Ack family, which ties a message to the subscription and the
// connection that brought it, and which counts a message as acknowledged when the bytes have only been buffered.
#include "bus/message.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus_private.h"

enum settlement { OPEN, ACKNOWLEDGED, GIVEN_UP };

struct bus_message {
	struct bus *bus;
	natsMsg *source;
	struct bus_delivery delivery;
	atomic_int settlement; // enum settlement; a sign of progress looks at it from another thread
};

static bool read_number(char **place, uint64_t *ret_value)
{
	char *token = strtok_r(NULL, ".", place);
	if (token == NULL || strspn(token, "0123456789") != strlen(token))
		return false;
	*ret_value = strtoull(token, NULL, 10);
	return true;
}

bool bus_delivery_parse(const char *reply, struct bus_delivery *ret_delivery)
{
	char copy[BUS_SUBJECT_SIZE];
	if (reply == NULL || strncmp(reply, "$JS.ACK.", 8) != 0 || strlen(reply) >= sizeof(copy))
		return false;
	memcpy(copy, reply, strlen(reply) + 1);
	size_t tokens = 1;
	for (const char *dot = strchr(copy, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
		tokens++;
	// $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<5 numbers>[.<random>]
	size_t skip = tokens == 9 ? 4 : 6;
	if (tokens != 9 && tokens != 11 && tokens != 12)
		return false;
	char *place = NULL;
	(void)strtok_r(copy, ".", &place);
	for (size_t i = 1; i < skip; i++)
		(void)strtok_r(NULL, ".", &place);
	struct bus_delivery delivery = { 0 };
	uint64_t time_ns = 0;
	if (!read_number(&place, &delivery.delivered) || !read_number(&place, &delivery.stream_sequence) ||
	    !read_number(&place, &delivery.consumer_sequence) || !read_number(&place, &time_ns) ||
	    !read_number(&place, &delivery.pending))
		return false;
	delivery.time_us = (int64_t)(time_ns / 1000);
	*ret_delivery = delivery;
	return true;
}

enum rc bus_message_wrap(struct bus *bus, natsMsg *source, struct bus_message **ret_message, struct err *err)
{
	struct bus_delivery delivery = { 0 };
	struct bus_message *message = NULL;
	if (!bus_delivery_parse(natsMsg_GetReply(source), &delivery)) {
		natsMsg_Destroy(source);
		return err_set(err, RC_CORRUPT, "a message that JetStream did not deliver");
	}
	message = calloc(1, sizeof(*message));
	if (message == NULL) {
		natsMsg_Destroy(source);
		return err_set(err, RC_NO_MEMORY, "no memory for a message");
	}
	message->bus = bus;
	message->source = source;
	message->delivery = delivery;
	atomic_init(&message->settlement, OPEN);
	*ret_message = message;
	return RC_OK;
}

const char *bus_message_subject(const struct bus_message *message)
{
	return natsMsg_GetSubject(message->source);
}

const void *bus_message_data(const struct bus_message *message)
{
	const char *data = natsMsg_GetData(message->source);
	return data != NULL ? data : "";
}

size_t bus_message_length(const struct bus_message *message)
{
	return (size_t)natsMsg_GetDataLength(message->source);
}

const char *bus_message_header(const struct bus_message *message, const char *name)
{
	const char *value = NULL;
	return natsMsgHeader_Get(message->source, name, &value) == NATS_OK ? value : NULL;
}

uint64_t bus_message_delivered_count(const struct bus_message *message)
{
	return message->delivery.delivered;
}

uint64_t bus_message_sequence(const struct bus_message *message)
{
	return message->delivery.stream_sequence;
}

enum rc bus_message_ack_sync(struct bus_message *message, struct err *err)
{
	int settlement = atomic_load(&message->settlement);
	if (settlement == ACKNOWLEDGED)
		return RC_OK;
	if (settlement == GIVEN_UP)
		return err_set(err, RC_CONFLICT, "the message was given up before");
	natsMsg *reply = NULL;
	enum rc rc = bus_request(message->bus, natsMsg_GetReply(message->source), NULL, "+ACK", 4,
	                         deadline_after_ms(message->bus->timeout_ms), &reply, err);
	if (rc != RC_OK)
		return rc;
	natsMsg_Destroy(reply);
	atomic_store(&message->settlement, ACKNOWLEDGED);
	return RC_OK;
}

static enum rc send_settlement(struct bus_message *message, const char *text, enum settlement after, struct err *err)
{
	if (atomic_load(&message->settlement) != OPEN)
		return err_set(err, RC_CONFLICT, "the message is settled already");
	enum rc rc = bus_send_text(message->bus, natsMsg_GetReply(message->source), text, err);
	if (rc == RC_OK && after != OPEN)
		atomic_store(&message->settlement, after);
	return rc;
}

enum rc bus_message_nak(struct bus_message *message, int64_t delay_ms, struct err *err)
{
	char text[64];
	int64_t delay_ns = (delay_ms < 1 ? 1 : delay_ms) * 1000000;
	(void)snprintf(text, sizeof(text), "-NAK {\"delay\": %lld}", (long long)delay_ns);
	return send_settlement(message, text, GIVEN_UP, err);
}

enum rc bus_message_progress(struct bus_message *message, struct err *err)
{
	return send_settlement(message, "+WPI", OPEN, err);
}

enum rc bus_message_term(struct bus_message *message, struct err *err)
{
	return send_settlement(message, "+TERM", GIVEN_UP, err);
}

void bus_message_free(struct bus_message *message)
{
	if (message == NULL)
		return;
	natsMsg_Destroy(message->source);
	free(message);
}
