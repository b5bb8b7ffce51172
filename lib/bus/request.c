// Requests and answers: plain ones, and those of the JetStream API with its JSON and error codes.
#include "bus/bus_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

// Error codes of nats-server (server/errors.json) that mean more to us than their HTTP-like class.
static const struct {
	int code;
	enum rc rc;
} known_errors[] = {
	{ 10014, RC_NOT_FOUND }, // consumer
	{ 10037, RC_NOT_FOUND }, // message
	{ 10059, RC_NOT_FOUND }, // stream
	{ 10058, RC_EXISTS },    // stream, with another configuration
	{ 10052, RC_CONFLICT },  // stream update not allowed
	{ 10071, RC_CONFLICT },  // wrong last sequence
	{ 10077, RC_BUSY },      // stream is full
	{ 10047, RC_LIMIT },     // storage that cannot be reserved
	{ 10074, RC_INVALID },   // replicas > 1 without a cluster
};

enum rc bus_status_fail(struct err *err, natsStatus status, const char *what)
{
	enum rc rc = RC_UNAVAILABLE;
	if (status == NATS_TIMEOUT)
		rc = RC_TIMEOUT;
	else if (status == NATS_NO_MEMORY)
		rc = RC_NO_MEMORY;
	else if (status == NATS_MAX_PAYLOAD)
		rc = RC_LIMIT;
	else if (status == NATS_INVALID_ARG || status == NATS_INVALID_SUBJECT)
		rc = RC_INVALID;
	else if (status == NATS_NOT_PERMITTED || status == NATS_CONNECTION_AUTH_FAILED)
		rc = RC_DENIED;
	return err_set(err, rc, "%s: %s", what, natsStatus_GetText(status));
}

enum rc bus_message_build(const char *subject, const char *reply, const char *const *headers, const void *data,
                          size_t length, natsMsg **ret_message, struct err *err)
{
	if (length > INT32_MAX)
		return err_set(err, RC_LIMIT, "message of %zu bytes", length);
	natsMsg *message = NULL;
	natsStatus status = natsMsg_Create(&message, subject, reply, data, (int)length);
	for (; headers != NULL && headers[0] != NULL && status == NATS_OK; headers += 2)
		status = natsMsgHeader_Set(message, headers[0], headers[1]);
	if (status != NATS_OK) {
		natsMsg_Destroy(message);
		return bus_status_fail(err, status, "message");
	}
	*ret_message = message;
	return RC_OK;
}

enum rc bus_request(struct bus *bus, const char *subject, const char *const *headers, const void *data, size_t length,
                    struct deadline deadline, natsMsg **ret_reply, struct err *err)
{
	struct bus_inbox inbox = { 0 };
	natsMsg *message = NULL;
	natsMsg *reply = NULL;
	enum rc rc = bus_inbox_open(bus, false, &inbox, err);
	if (rc == RC_OK)
		rc = bus_message_build(subject, inbox.subject, headers, data, length, &message, err);
	if (rc == RC_OK)
		rc = bus_inbox_send(&inbox, message, err);
	if (rc == RC_OK)
		rc = bus_inbox_next(&inbox, deadline_left_ms(deadline), &reply, err);
	bus_inbox_close(&inbox);
	// Not being there and not being there yet look the same.
	if (rc == RC_NOT_FOUND)
		rc = err_set(err, RC_UNAVAILABLE, "nobody listens");
	if (rc != RC_OK)
		return err_prefix(err, rc, "%s", subject);
	*ret_reply = reply;
	return RC_OK;
}

// The code and text of an API error; RC_OK when there is none.
static enum rc check_error(json_t *response, struct err *err)
{
	json_t *error = json_object_get(response, "error");
	if (error == NULL)
		return RC_OK;
	json_int_t number = json_integer_value(json_object_get(error, "err_code"));
	json_int_t class = json_integer_value(json_object_get(error, "code"));
	const char *text = json_string_value(json_object_get(error, "description"));
	enum rc rc = RC_UNAVAILABLE;
	if (class == 404)
		rc = RC_NOT_FOUND;
	else if (class == 400)
		rc = RC_INVALID;
	for (size_t i = 0; i < sizeof(known_errors) / sizeof(known_errors[0]); i++) {
		if (known_errors[i].code == number)
			rc = known_errors[i].rc;
	}
	return err_set(err, rc, "JetStream error %d: %.200s", (int)number, text != NULL ? text : "(no text)");
}

static enum rc parse_response(natsMsg *message, json_t **ret_response, struct err *err)
{
	json_t *response = json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), 0, NULL);
	if (response == NULL)
		return err_set(err, RC_CORRUPT, "JetStream's answer is not JSON");
	enum rc rc = check_error(response, err);
	if (rc == RC_OK)
		*ret_response = response;
	else
		json_decref(response);
	return rc;
}

enum rc bus_api_call(struct bus *bus, json_t *body, struct deadline deadline, json_t **ret_response, struct err *err,
                     const char *format, ...)
{
	char subject[BUS_SUBJECT_SIZE] = "$JS.API.";
	size_t start = strlen(subject);
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(subject + start, sizeof(subject) - start, format, arguments);
	va_end(arguments);
	CLEANUP(free_pointer) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	if (body != NULL && text == NULL)
		return err_set(err, RC_NO_MEMORY, "%s: no memory", subject);
	natsMsg *reply = NULL;
	enum rc rc = bus_request(bus, subject, NULL, text, text != NULL ? strlen(text) : 0, deadline, &reply, err);
	if (rc != RC_OK)
		return rc;
	rc = parse_response(reply, ret_response, err);
	natsMsg_Destroy(reply);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "%s", subject);
}

enum rc bus_ack_parse(natsMsg *message, uint64_t *ret_sequence, bool *ret_duplicate, struct err *err)
{
	json_t *response = NULL;
	enum rc rc = parse_response(message, &response, err);
	if (rc != RC_OK)
		return rc;
	json_int_t sequence = json_integer_value(json_object_get(response, "seq"));
	if (sequence <= 0)
		rc = err_set(err, RC_CORRUPT, "acknowledgement without a sequence");
	else if (ret_sequence != NULL)
		*ret_sequence = (uint64_t)sequence;
	if (rc == RC_OK && ret_duplicate != NULL)
		*ret_duplicate = json_is_true(json_object_get(response, "duplicate"));
	json_decref(response);
	return rc;
}

enum rc bus_send_text(struct bus *bus, const char *subject, const char *text, struct err *err)
{
	struct bus_inbox sender = { .bus = bus, .link = bus_link_acquire(bus, err) };
	if (sender.link == NULL)
		return RC_UNAVAILABLE;
	natsMsg *message = NULL;
	enum rc rc = bus_message_build(subject, NULL, NULL, text, strlen(text), &message, err);
	if (rc == RC_OK)
		rc = bus_inbox_send(&sender, message, err);
	bus_inbox_close(&sender);
	return rc;
}
