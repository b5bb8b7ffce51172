// Keys, claims, kept answers.
#include "http/idempotency_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/work_pool.h"
#include "http/request_priv.h"
#include "http/respond.h"
#include "http/respond_priv.h"
#include "http/server_gate.h"
#include "http/server_priv.h"

// A claim outlives the longest request.
#define LEASE_SLACK_MS 30000
#define KEEP_MS 5000

// Headers that are kept with an answer.
static const char *const KEPT_HEADERS[] = { "ETag", "Location", "Last-Modified" };

static bool unquote(const char *header, char ret_key[IDEMPOTENCY_KEY_SIZE])
{
	bool is_quoted = header[0] == '"';
	size_t length = 0;
	const char *at = header + is_quoted;
	for (; *at != '\0' && !(is_quoted && *at == '"'); at++) {
		if (is_quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		else if (is_quoted && *at == '\\')
			return false;
		if (*at < 0x21 || *at > 0x7e || length + 1 == IDEMPOTENCY_KEY_SIZE)
			return false;
		ret_key[length++] = *at;
	}
	ret_key[length] = '\0';
	return length > 0 && strcmp(at, is_quoted ? "\"" : "") == 0;
}

bool http_idempotency_key(struct http_request *request, char ret_key[IDEMPOTENCY_KEY_SIZE])
{
	const char *header = http_request_header(request, "Idempotency-Key");
	ret_key[0] = '\0';
	if (header == NULL || unquote(header, ret_key))
		return true;
	http_respond_problem(request, 400, "invalid-idempotency-key",
	                     "Idempotency-Key must be 1 to 255 visible ASCII characters, in quotes.");
	return false;
}

bool idempotency_applies(const struct http_request *request)
{
	const struct route *route = request->route;
	return request->server->config.idempotency != NULL && request->has_principal &&
	       route->idempotency != ROUTE_KEYS_ELSEWHERE && route->body == ROUTE_WHOLE &&
	       strcmp(request->method, "POST") == 0 && http_request_header(request, "Idempotency-Key") != NULL;
}

// ---- claiming -----------------------------------------------------------------------------------------------------

// Everything that must be the same in a repeated request, under the key.
static bool take_fingerprint(const struct http_request *request, const char *key, uint8_t ret_fingerprint[32])
{
	struct digest_stream *stream = digest_stream_new(DIGEST_SHA256);
	if (stream == NULL)
		return false;
	digest_stream_update(stream, key, strlen(key) + 1);
	digest_stream_update(stream, request->path, strlen(request->path) + 1);
	for (size_t i = 0; i < request->query.count; i++) {
		digest_stream_update(stream, request->query.items[i].name, strlen(request->query.items[i].name) + 1);
		digest_stream_update(stream, request->query.items[i].value, strlen(request->query.items[i].value) + 1);
	}
	digest_stream_update(stream, buffer_text(&request->body), request->body.length);
	digest_stream_finish(stream, ret_fingerprint);
	digest_stream_free(stream);
	return true;
}

static struct idempotency *make_claim(struct http_request *request, const char *key)
{
	struct idempotency *made = arena_alloc(request->arena, sizeof *made);
	uint8_t digest[SHA256_SIZE];
	if (made == NULL || !take_fingerprint(request, key, made->fingerprint))
		return NULL;
	sha256_of(key, strlen(key), digest);
	encode_hex(digest, sizeof digest, made->key);
	(void)snprintf(made->scope, sizeof made->scope, "%s %s", request->route->method, request->route->path);
	made->claim = (struct idempotency_claim){ .owner_id = request->principal.user_id,
		                                  .scope = made->scope,
		                                  .key = made->key,
		                                  .fingerprint = made->fingerprint };
	return made;
}

static void answer_lost(struct http_request *request)
{
	http_respond_problem(request, 409, "idempotency-key-done",
	                     "This was done before. Its answer held a secret, so it was not kept: look at what is "
	                     "there, or do it anew with another key.");
}

// The kept answer: {"type", "body", "headers": {}}.
static void replay(struct http_request *request, const struct idempotency_found *found)
{
	json_t *kept = found->answer == NULL ? NULL : json_loads(found->answer, 0, NULL);
	const char *type = json_string_value(json_object_get(kept, "type"));
	const char *body = json_string_value(json_object_get(kept, "body"));
	const char *name;
	json_t *value;
	if (kept == NULL) {
		answer_lost(request);
		return;
	}
	json_object_foreach(json_object_get(kept, "headers"), name, value)
	        http_respond_header(request, name, json_string_value(value));
	http_respond_header(request, "Idempotency-Replayed", "true");
	if (body == NULL) {
		http_respond_empty(request, found->status);
	} else {
		struct buffer out;
		buffer_init(&out, LIMIT_RESPONSE_BYTES);
		buffer_append_text(&out, body);
		http_respond_buffer(request, found->status, type == NULL ? "application/json" : type, &out);
	}
	json_decref(kept);
}

static bool answer_found(struct http_request *request, const struct idempotency_found *found)
{
	switch (found->state) {
	case IDEMPOTENCY_MINE:
		return true;
	case IDEMPOTENCY_BUSY:
		http_respond_retry_after(request, 1);
		http_respond_problem(request, 409, "idempotency-key-in-use",
		                     "A request with this Idempotency-Key is being worked on. Ask again in a moment.");
		break;
	case IDEMPOTENCY_OTHER:
		http_respond_problem(request, 422, "idempotency-key-reused",
		                     "This Idempotency-Key was used for another request. Use a new one for each.");
		break;
	case IDEMPOTENCY_DONE:
		replay(request, found);
		break;
	}
	return false;
}

bool idempotency_claim(struct http_request *request)
{
	const struct idempotency_store *store = request->server->config.idempotency;
	char key[IDEMPOTENCY_KEY_SIZE];
	struct idempotency_found found = { .state = IDEMPOTENCY_BUSY };
	struct err err = { .rc = RC_OK };
	if (!http_idempotency_key(request, key))
		return false;
	struct idempotency *made = make_claim(request, key);
	enum rc rc = made == NULL ? err_set(&err, RC_NO_MEMORY, "no memory for an Idempotency-Key")
	                          : store->claim(store->context, &made->claim,
	                                         request->server->config.request_ms + LEASE_SLACK_MS, request->deadline,
	                                         &found, &err);
	if (rc != RC_OK) {
		http_respond_rc(request, &(struct err){ rc == RC_UNKNOWN ? RC_UNAVAILABLE : rc, "" });
		return false;
	}
	if (found.state == IDEMPOTENCY_MINE)
		request->idempotency = made;
	bool goes_on = answer_found(request, &found);
	free(found.answer);
	return goes_on;
}

// ---- keeping ------------------------------------------------------------------------------------------------------

struct settling {
	struct http_request *request;
	struct idempotency *idempotency;
	unsigned status;
	const char *content_type; // NULL: no body
	struct buffer taken;
};

static void write_kept(const struct settling *settling, struct buffer *out)
{
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "type", settling->content_type);
	json_write_text(&json, "body", settling->content_type == NULL ? NULL : buffer_text(&settling->taken));
	json_write_object_begin(&json, "headers");
	const struct http_answer_header *header = settling->request->answer_headers;
	for (; header != NULL; header = header->next)
		for (size_t i = 0; i < sizeof KEPT_HEADERS / sizeof KEPT_HEADERS[0]; i++)
			if (strcasecmp(header->name, KEPT_HEADERS[i]) == 0)
				json_write_text(&json, header->name, header->value);
	json_write_object_end(&json);
	json_write_object_end(&json);
}

static void settle_claim(const struct settling *settling)
{
	const struct idempotency_store *store = settling->request->server->config.idempotency;
	const struct idempotency_claim *claim = &settling->idempotency->claim;
	struct deadline deadline = deadline_after_ms(KEEP_MS);
	if (settling->status < 200 || settling->status > 299) {
		(void)store->release(store->context, claim, deadline, NULL); // else it lapses
		return;
	}
	struct buffer kept;
	buffer_init(&kept, 2 * LIMIT_RESPONSE_BYTES);
	bool is_secret = settling->request->route->idempotency == ROUTE_SECRET_ANSWER;
	if (!is_secret)
		write_kept(settling, &kept);
	// Failed: the claim lapses, and the client that asks again meanwhile is told to wait.
	if (buffer_ok(&kept))
		(void)store->keep(store->context, claim, settling->status, is_secret ? NULL : buffer_text(&kept),
		                  deadline, NULL);
	buffer_done(&kept);
}

static void settle(void *argument)
{
	struct settling *settling = argument;
	settle_claim(settling);
	respond_deliver(settling->request, settling->status, settling->content_type,
	                settling->content_type == NULL ? NULL : &settling->taken);
}

bool idempotency_settle(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken)
{
	struct idempotency *idempotency = request->idempotency;
	if (idempotency == NULL)
		return false;
	request->idempotency = NULL;
	struct settling *settling = arena_alloc(request->arena, sizeof *settling);
	if (settling == NULL)
		return false;
	*settling = (struct settling){ .request = request,
		                       .idempotency = idempotency,
		                       .status = status,
		                       .content_type = content_type == NULL
		                                               ? NULL
		                                               : arena_copy_text(request->arena, content_type) };
	if (taken != NULL) {
		settling->taken = *taken;
		buffer_init(taken, taken->limit);
	}
	request->handed_on = true;
	struct server_gate *gate = request->gate; // the request may be gone once it is submitted
	struct http_server *server = server_gate_enter(gate);
	bool is_submitted = false;
	if (server != NULL) {
		is_submitted = work_pool_submit(server->workers, settle, settling) == RC_OK;
		server_gate_leave(gate);
	}
	if (is_submitted)
		return true;
	if (taken != NULL)
		*taken = settling->taken;
	return false; // too busy to keep it, or the server has gone: the claim lapses
}
