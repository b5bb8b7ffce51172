// Push by a webhook: a gateway of the operator's own gets each message, signed as Standard Webhooks are. 410: the token
// is nobody's any more.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "http/client.h"
#include "metadata-api/push.h"
#include "metadata-api/webhook_secret.h"

struct push_webhook {
	struct push_adapter adapter;
	struct http_client *client;
	const char *url;
	uint8_t key[WEBHOOK_KEY_BYTES_MAX];
	size_t key_length;
};

static void write_message(const struct push_message *message, struct buffer *out)
{
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "type", "push");
	json_write_time(&json, "timestamp", clock_now_us());
	json_write_object_begin(&json, "data");
	json_write_text(&json, "platform", message->platform);
	json_write_text(&json, "token", message->token);
	json_write_text(&json, "title", message->title);
	json_write_text(&json, "body", message->body);
	json_write_text(&json, "kind", message->kind);
	json_write_text(&json, message->subject_name, message->subject_id);
	json_write_object_end(&json);
	json_write_object_end(&json);
}

static enum rc post(struct push_webhook *self, const struct push_message *message, struct http_reply *ret_reply,
                    struct err *err)
{
	char uuid[UUID_TEXT_SIZE], id[60], id_line[80], time_line[60], signature[WEBHOOK_SIGNATURE_SIZE], line[100];
	int64_t timestamp = clock_now_us() / 1000000;
	struct buffer body;
	buffer_init(&body, LIMIT_EVENT_BYTES);
	write_message(message, &body);
	uuid_format(&message->notification_id, uuid);
	(void)snprintf(id, sizeof id, "push_%s", uuid);
	webhook_sign(self->key, self->key_length, id, timestamp, buffer_text(&body), signature);
	(void)snprintf(id_line, sizeof id_line, "webhook-id: %s", id);
	(void)snprintf(time_line, sizeof time_line, "webhook-timestamp: %" PRId64, timestamp);
	(void)snprintf(line, sizeof line, "webhook-signature: %s", signature);
	const char *const headers[] = { "Content-Type: application/json", id_line, time_line, line, NULL };
	const struct http_call call = { .method = "POST",
		                        .url = self->url,
		                        .headers = headers,
		                        .body = buffer_text(&body),
		                        .body_length = body.length,
		                        .timeout_ms = PUSH_TIMEOUT_MS,
		                        .response_limit = LIMIT_EVENT_BYTES };
	enum rc rc = http_client_call(self->client, &call, ret_reply, err);
	buffer_done(&body);
	return rc;
}

static enum push_result send(struct push_adapter *adapter, const struct push_message *message, struct err *err)
{
	struct http_reply reply;
	if (post((struct push_webhook *)adapter, message, &reply, err) != RC_OK)
		return PUSH_LATER;
	unsigned status = reply.status;
	http_reply_done(&reply);
	if (status >= 200 && status < 300)
		return PUSH_SENT;
	(void)err_set(err, RC_UNAVAILABLE, "the push gateway answered %u", status);
	if (status == 410)
		return PUSH_INVALID;
	return status == 429 || status >= 500 ? PUSH_LATER : PUSH_REFUSED;
}

static void abort_calls(struct push_adapter *adapter)
{
	http_client_abort(((struct push_webhook *)adapter)->client);
}

static void push_webhook_free(struct push_adapter *adapter)
{
	struct push_webhook *self = (struct push_webhook *)adapter;
	http_client_free(self->client);
	crypto_wipe(self->key, sizeof self->key);
	free(self);
}

enum rc push_webhook_new(const struct settings *settings, struct push_adapter **ret_adapter, struct err *err)
{
	*ret_adapter = NULL;
	if (settings->push_webhook_url[0] == '\0')
		return RC_OK;
	struct push_webhook *self = calloc(1, sizeof *self);
	if (self == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the push gateway");
	self->adapter = (struct push_adapter){ send, abort_calls, push_webhook_free };
	self->url = settings->push_webhook_url;
	const struct http_client_config config = { .connections = (unsigned)settings->push_threads };
	enum rc rc = webhook_secret_parse(settings->push_webhook_secret, self->key, &self->key_length, err);
	if (rc != RC_OK)
		(void)err_prefix(err, rc, "[push] webhook_secret");
	else
		rc = http_client_new(&config, &self->client, err);
	if (rc != RC_OK) {
		push_webhook_free(&self->adapter);
		return rc;
	}
	*ret_adapter = &self->adapter;
	return RC_OK;
}
