// Push by Apple's Push Notification service: HTTP/2, one POST a message, a provider token (JWT, ES256) that lives for
// an hour at most.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "http/client.h"
#include "http/jwt_sign.h"
#include "metadata-api/push.h"
#include "metadata-api/push_token.h"

// Apple refuses tokens older than an hour, and new ones more often than every 20 minutes.
#define TOKEN_US INT64_C(2700000000)

struct push_apns {
	struct push_adapter adapter;
	struct http_client *client;
	const struct settings *settings;
	char *topic_line;
	struct push_token token;
};

static enum rc renew_token(void *context, char **ret_text, int64_t *ret_lives_us, struct err *err)
{
	const struct push_apns *self = context;
	const struct jwt_claims claims = { .algorithm = "ES256",
		                           .key_id = self->settings->push_apns_key_id,
		                           .issuer = self->settings->push_apns_team_id,
		                           .issued_at = clock_now_us() / 1000000 };
	*ret_lives_us = TOKEN_US;
	return jwt_sign(&claims, self->settings->push_apns_key, ret_text, err);
}

static void write_message(const struct push_message *message, struct buffer *out)
{
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	json_write_object_begin(&json, "aps");
	json_write_object_begin(&json, "alert");
	json_write_text(&json, "title", message->title);
	json_write_text(&json, "body", message->body);
	json_write_object_end(&json);
	json_write_object_end(&json);
	json_write_text(&json, "kind", message->kind);
	json_write_text(&json, message->subject_name, message->subject_id);
	json_write_object_end(&json);
}

static enum push_result judge(const struct http_reply *reply, struct err *err)
{
	if (reply->status == 200)
		return PUSH_SENT;
	json_auto_t *json = json_loadb(buffer_text(&reply->body), reply->body.length, 0, NULL);
	const char *reason = json_string_value(json_object_get(json, "reason"));
	(void)err_set(err, RC_UNAVAILABLE, "APNs answered %u: %.40s", reply->status, reason == NULL ? "" : reason);
	if (reply->status == 410 || (reason != NULL && strcmp(reason, "BadDeviceToken") == 0))
		return PUSH_INVALID;
	return reply->status == 429 || reply->status >= 500 || reply->status == 403 ? PUSH_LATER : PUSH_REFUSED;
}

static enum push_result send(struct push_adapter *adapter, const struct push_message *message, struct err *err)
{
	struct push_apns *self = (struct push_apns *)adapter;
	CLEANUP(free_pointer) char *authorization = NULL;
	CLEANUP(free_pointer) char *url = NULL;
	char uuid[UUID_TEXT_SIZE], id_line[60];
	struct http_reply reply;
	struct buffer body;
	// It becomes a part of the path.
	if (strspn(message->token, "0123456789abcdefABCDEF") != strlen(message->token)) {
		(void)err_set(err, RC_INVALID, "not a device token of APNs");
		return PUSH_INVALID;
	}
	if (push_token_line(&self->token, "bearer", renew_token, self, &authorization, err) != RC_OK ||
	    asprintf(&url, "%s/3/device/%s", self->settings->push_apns_url, message->token) < 0)
		return PUSH_LATER;
	uuid_format(&message->notification_id, uuid);
	(void)snprintf(id_line, sizeof id_line, "apns-id: %s", uuid);
	buffer_init(&body, LIMIT_EVENT_BYTES);
	write_message(message, &body);
	const char *const headers[] = { "content-type: application/json", authorization, self->topic_line,
		                        "apns-push-type: alert",          id_line,       NULL };
	const struct http_call call = { .method = "POST",
		                        .url = url,
		                        .headers = headers,
		                        .body = buffer_text(&body),
		                        .body_length = body.length,
		                        .timeout_ms = PUSH_TIMEOUT_MS,
		                        .response_limit = LIMIT_EVENT_BYTES };
	enum rc rc = http_client_call(self->client, &call, &reply, err);
	buffer_done(&body);
	if (rc != RC_OK)
		return PUSH_LATER;
	enum push_result result = judge(&reply, err);
	http_reply_done(&reply);
	return result;
}

static void abort_calls(struct push_adapter *adapter)
{
	http_client_abort(((struct push_apns *)adapter)->client);
}

static void push_apns_free(struct push_adapter *adapter)
{
	struct push_apns *self = (struct push_apns *)adapter;
	http_client_free(self->client);
	push_token_done(&self->token);
	free(self->topic_line);
	free(self);
}

enum rc push_apns_new(const struct settings *settings, struct push_adapter **ret_adapter, struct err *err)
{
	*ret_adapter = NULL;
	if (settings->push_apns_key[0] == '\0')
		return RC_OK;
	struct push_apns *self = calloc(1, sizeof *self);
	if (self == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for APNs");
	self->adapter = (struct push_adapter){ send, abort_calls, push_apns_free };
	self->settings = settings;
	push_token_init(&self->token);
	const struct http_client_config config = { .connections = (unsigned)settings->push_threads, .http2 = true };
	CLEANUP(free_pointer) char *line = NULL; // a key that cannot sign is told now
	enum rc rc = push_token_line(&self->token, "bearer", renew_token, self, &line, err);
	if (rc != RC_OK)
		(void)err_prefix(err, rc, "[push] apns_key");
	else if (asprintf(&self->topic_line, "apns-topic: %s", settings->push_apns_topic) < 0)
		rc = err_set(err, RC_NO_MEMORY, "no memory for APNs");
	else
		rc = http_client_new(&config, &self->client, err);
	if (rc != RC_OK) {
		push_apns_free(&self->adapter);
		return rc;
	}
	*ret_adapter = &self->adapter;
	return RC_OK;
}
