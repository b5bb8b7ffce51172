// Subjects of our own on which answers arrive, read by one thread without callbacks.
#include "bus/bus_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum rc bus_inbox_open(struct bus *bus, bool numbered, struct bus_inbox *ret_inbox, struct err *err)
{
	struct bus_inbox inbox = { .bus = bus, .link = bus_link_acquire(bus, err) };
	if (inbox.link == NULL)
		return RC_UNAVAILABLE;
	natsInbox *name = NULL;
	natsStatus status = natsInbox_Create(&name);
	if (status == NATS_OK) {
		char pattern[sizeof(inbox.subject) + 2];
		(void)snprintf(inbox.subject, sizeof(inbox.subject), "%s", name);
		(void)snprintf(pattern, sizeof(pattern), numbered ? "%s.*" : "%s", inbox.subject);
		status = natsConnection_SubscribeSync(&inbox.subscription, inbox.link->connection, pattern);
		natsInbox_Destroy(name);
	}
	if (status != NATS_OK) {
		bus_link_suspect(bus, inbox.link, false);
		bus_inbox_close(&inbox);
		return bus_status_fail(err, status, "subscribe");
	}
	*ret_inbox = inbox;
	return RC_OK;
}

void bus_inbox_close(struct bus_inbox *inbox)
{
	if (inbox->subscription != NULL)
		natsSubscription_Destroy(inbox->subscription);
	bus_link_release(inbox->link);
	*inbox = (struct bus_inbox){ 0 };
}

enum rc bus_inbox_next(struct bus_inbox *inbox, int64_t timeout_ms, natsMsg **ret_message, struct err *err)
{
	natsMsg *message = NULL;
	natsStatus status = natsSubscription_NextMsg(&message, inbox->subscription, timeout_ms < 1 ? 1 : timeout_ms);
	if (status == NATS_OK) {
		*ret_message = message;
		return RC_OK;
	}
	if (status == NATS_TIMEOUT)
		return err_set(err, RC_TIMEOUT, "no answer in time");
	// nats.c eats the server's "503" message and returns this, so it cannot be told which of several was meant.
	if (status == NATS_NO_RESPONDERS)
		return err_set(err, RC_NOT_FOUND, "nobody listens");
	bus_link_suspect(inbox->bus, inbox->link, false);
	return err_set(err, RC_UNAVAILABLE, "connection lost while waiting: %s", natsStatus_GetText(status));
}

enum rc bus_inbox_send(struct bus_inbox *inbox, natsMsg *message, struct err *err)
{
	natsStatus status = natsConnection_PublishMsg(inbox->link->connection, message);
	natsMsg_Destroy(message);
	if (status == NATS_OK)
		return RC_OK;
	// A write that ran into its deadline may have left half a message on the wire.
	bool broken = status == NATS_TIMEOUT || status == NATS_IO_ERROR;
	if (broken || natsConnection_IsClosed(inbox->link->connection))
		bus_link_suspect(inbox->bus, inbox->link, broken);
	return bus_status_fail(err, broken ? NATS_CONNECTION_CLOSED : status, "send");
}

int bus_message_status(natsMsg *message)
{
	const char *text = NULL;
	if (natsMsg_GetDataLength(message) != 0 || natsMsgHeader_Get(message, "Status", &text) != NATS_OK ||
	    text == NULL)
		return 0;
	long code = strtol(text, NULL, 10);
	return code > 0 && code < 1000 ? (int)code : 0;
}
