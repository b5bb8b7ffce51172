// Push by Firebase Cloud Messaging's HTTP v1 API: an OAuth 2.0 access token for a service account's assertion (RFC
// 7523, RS256), then one call a message.
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

#define SCOPE "https://www.googleapis.com/auth/firebase.messaging"
#define GRANT "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
#define ASSERTION_SECONDS 3600
// A token is renewed so long before its end.
#define TOKEN_MARGIN_US INT64_C(300000000)

struct push_fcm {
	struct push_adapter adapter;
	struct http_client *client;
	json_t *account; // the service account's file
	char *url;
	struct push_token token;
};

static const char *member(const struct push_fcm *self, const char *name)
{
	return json_string_value(json_object_get(self->account, name));
}

static enum rc take_token(const struct http_reply *reply, char **ret_text, int64_t *ret_lives_us, struct err *err)
{
	json_auto_t *json = json_loadb(buffer_text(&reply->body), reply->body.length, 0, NULL);
	const char *token = json_string_value(json_object_get(json, "access_token"));
	if (reply->status != 200 || token == NULL)
		return err_set(err, RC_UNAVAILABLE, "the token endpoint answered %u", reply->status);
	*ret_text = strdup(token);
	*ret_lives_us = json_integer_value(json_object_get(json, "expires_in")) * 1000000 - TOKEN_MARGIN_US;
	return *ret_text == NULL ? err_set(err, RC_NO_MEMORY, "no memory for a token") : RC_OK;
}

static enum rc renew_token(void *context, char **ret_text, int64_t *ret_lives_us, struct err *err)
{
	const struct push_fcm *self = context;
	static const char *const HEADERS[] = { "Content-Type: application/x-www-form-urlencoded", NULL };
	int64_t now = clock_now_us() / 1000000;
	const struct jwt_claims claims = { .algorithm = "RS256",
		                           .key_id = member(self, "private_key_id"),
		                           .issuer = member(self, "client_email"),
		                           .audience = member(self, "token_uri"),
		                           .scope = SCOPE,
		                           .issued_at = now,
		                           .expires_at = now + ASSERTION_SECONDS };
	CLEANUP(free_pointer) char *assertion = NULL;
	enum rc rc = jwt_sign(&claims, member(self, "private_key"), &assertion, err);
	if (rc != RC_OK)
		return rc;
	struct buffer body;
	struct http_reply reply;
	buffer_init(&body, LIMIT_EVENT_BYTES);
	buffer_append_text(&body, "grant_type=" GRANT "&assertion=");
	buffer_append_text(&body, assertion);
	const struct http_call call = { .method = "POST",
		                        .url = member(self, "token_uri"),
		                        .headers = HEADERS,
		                        .body = buffer_text(&body),
		                        .body_length = body.length,
		                        .timeout_ms = PUSH_TIMEOUT_MS / 2,
		                        .response_limit = LIMIT_EVENT_BYTES };
	rc = http_client_call(self->client, &call, &reply, err);
	buffer_done(&body);
	if (rc != RC_OK)
		return rc;
	rc = take_token(&reply, ret_text, ret_lives_us, err);
	http_reply_done(&reply);
	return rc;
}

static void write_message(const struct push_message *message, struct buffer *out)
{
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	json_write_object_begin(&json, "message");
	json_write_text(&json, "token", message->token);
	json_write_object_begin(&json, "notification");
	json_write_text(&json, "title", message->title);
	json_write_text(&json, "body", message->body);
	json_write_object_end(&json);
	json_write_object_begin(&json, "data");
	json_write_text(&json, "kind", message->kind);
	json_write_text(&json, message->subject_name, message->subject_id);
	json_write_object_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
}

static enum push_result judge(struct push_fcm *self, const struct http_reply *reply, struct err *err)
{
	if (reply->status == 200)
		return PUSH_SENT;
	(void)err_set(err, RC_UNAVAILABLE, "FCM answered %u", reply->status);
	if (reply->status == 404 && strstr(buffer_text(&reply->body), "UNREGISTERED") != NULL)
		return PUSH_INVALID;
	if (reply->status == 401) { // the token was withdrawn
		push_token_forget(&self->token);
		return PUSH_LATER;
	}
	return reply->status == 429 || reply->status >= 500 ? PUSH_LATER : PUSH_REFUSED;
}

static enum push_result send(struct push_adapter *adapter, const struct push_message *message, struct err *err)
{
	struct push_fcm *self = (struct push_fcm *)adapter;
	CLEANUP(free_pointer) char *authorization = NULL;
	struct http_reply reply;
	struct buffer body;
	if (push_token_line(&self->token, "Bearer", renew_token, self, &authorization, err) != RC_OK)
		return PUSH_LATER;
	buffer_init(&body, LIMIT_EVENT_BYTES);
	write_message(message, &body);
	const char *const headers[] = { "Content-Type: application/json", authorization, NULL };
	const struct http_call call = { .method = "POST",
		                        .url = self->url,
		                        .headers = headers,
		                        .body = buffer_text(&body),
		                        .body_length = body.length,
		                        .timeout_ms = PUSH_TIMEOUT_MS / 2,
		                        .response_limit = LIMIT_EVENT_BYTES };
	enum rc rc = http_client_call(self->client, &call, &reply, err);
	buffer_done(&body);
	if (rc != RC_OK)
		return PUSH_LATER;
	enum push_result result = judge(self, &reply, err);
	http_reply_done(&reply);
	return result;
}

static void abort_calls(struct push_adapter *adapter)
{
	http_client_abort(((struct push_fcm *)adapter)->client);
}

static void push_fcm_free(struct push_adapter *adapter)
{
	struct push_fcm *self = (struct push_fcm *)adapter;
	http_client_free(self->client);
	json_decref(self->account);
	push_token_done(&self->token);
	free(self->url);
	free(self);
}

static enum rc read_account(struct push_fcm *self, const struct settings *settings, struct err *err)
{
	static const char *const NEEDED[] = { "project_id", "client_email", "private_key", "token_uri" };
	self->account = json_loads(settings->push_fcm_credentials, 0, NULL);
	for (size_t i = 0; i < sizeof NEEDED / sizeof NEEDED[0]; i++)
		if (member(self, NEEDED[i]) == NULL)
			return err_set(err, RC_INVALID,
			               "[push] fcm_credentials must be a service account's JSON file: no %s",
			               NEEDED[i]);
	if (asprintf(&self->url, "%s/v1/projects/%s/messages:send", settings->push_fcm_url,
	             member(self, "project_id")) < 0) {
		self->url = NULL;
		return err_set(err, RC_NO_MEMORY, "no memory for FCM");
	}
	return RC_OK;
}

enum rc push_fcm_new(const struct settings *settings, struct push_adapter **ret_adapter, struct err *err)
{
	*ret_adapter = NULL;
	if (settings->push_fcm_credentials[0] == '\0')
		return RC_OK;
	struct push_fcm *self = calloc(1, sizeof *self);
	if (self == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for FCM");
	self->adapter = (struct push_adapter){ send, abort_calls, push_fcm_free };
	push_token_init(&self->token);
	const struct http_client_config config = { .connections = (unsigned)settings->push_threads };
	enum rc rc = read_account(self, settings, err);
	if (rc == RC_OK)
		rc = http_client_new(&config, &self->client, err);
	if (rc != RC_OK) {
		push_fcm_free(&self->adapter);
		return rc;
	}
	*ret_adapter = &self->adapter;
	return RC_OK;
}
