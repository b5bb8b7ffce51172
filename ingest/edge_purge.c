// One POST an edge.
#include "ingest/edge_purge.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "http/client.h"
#include "ingest/ingest.h"

#define BODY_BYTES (250 * 1024)
#define REPLY_BYTES 4096
#define TOKEN_SIZE 512
#define URL_SIZE 512

static enum rc read_reply(const struct http_reply *reply, struct err *err)
{
	if (reply->status != 200)
		return err_set(err, reply->status >= 500 ? RC_UNAVAILABLE : RC_DENIED, "answered %u", reply->status);
	json_t *json = json_loads(buffer_text(&reply->body), JSON_REJECT_DUPLICATES, NULL);
	const json_t *in_flight = json_object_get(json, "in_flight");
	enum rc rc = RC_OK;
	if (!json_is_integer(in_flight))
		rc = err_set(err, RC_CORRUPT, "an answer that no edge of ours gives");
	else if (json_integer_value(in_flight) > 0)
		rc = err_set(err, RC_BUSY, "the edge was just fetching one of them");
	json_decref(json);
	return rc;
}

static enum rc purge_edge(struct ingest *ingest, const char *edge, const struct buffer *keys, struct deadline deadline,
                          struct err *err)
{
	char authorization[TOKEN_SIZE], url[URL_SIZE];
	const char *const headers[] = { authorization, "Content-Type: text/plain", NULL };
	(void)snprintf(authorization, sizeof authorization, "Authorization: Bearer %s",
	               ingest->settings->cdn_purge_token);
	(void)snprintf(url, sizeof url, "%s/purge", edge);
	const struct http_call call = { .method = "POST",
		                        .url = url,
		                        .headers = headers,
		                        .body = buffer_text(keys),
		                        .body_length = keys->length,
		                        .timeout_ms = deadline_left_ms(deadline) + 1,
		                        .response_limit = REPLY_BYTES };
	struct http_reply reply = { 0 };
	enum rc rc = http_client_call(ingest->client, &call, &reply, err);
	explicit_bzero(authorization, sizeof authorization);
	if (rc != RC_OK)
		return rc;
	rc = read_reply(&reply, err);
	http_reply_done(&reply);
	return rc;
}

enum rc edge_purge(struct ingest *ingest, const char *const *keys, size_t count, struct deadline deadline,
                   struct err *err)
{
	enum rc first = RC_OK;
	struct buffer body;
	buffer_init(&body, BODY_BYTES);
	for (size_t i = 0; i < count; i++) {
		buffer_append_text(&body, keys[i]);
		buffer_append_char(&body, '\n');
	}
	char *edges = strdup(ingest->settings->cdn_purge_urls), *rest = edges;
	if (edges == NULL || !buffer_ok(&body))
		first = err_set(err, RC_NO_MEMORY, "no memory for a purge of %zu keys", count);
	for (const char *edge; first != RC_NO_MEMORY && count > 0 && (edge = strsep(&rest, ", ")) != NULL;) {
		struct err one = { 0 };
		if (edge[0] == '\0')
			continue;
		enum rc rc = purge_edge(ingest, edge, &body, deadline, &one);
		if (rc != RC_OK && first == RC_OK)
			first = err_set(err, rc, "edge %s: %s", edge, one.text);
	}
	free(edges);
	buffer_done(&body);
	return first;
}
