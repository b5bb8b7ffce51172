// Makes responses and hands them to the request.
#include "http/respond.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "http/cors.h"
#include "http/idempotency_priv.h"
#include "http/problem.h"
#include "http/request_priv.h"
#include "http/respond_priv.h"
#include "http/server_gate.h"
#include "http/server_priv.h"
#include "http/text.h"

void request_add_answer_header(struct http_request *request, const char *name, const char *value)
{
	struct http_answer_header **link = &request->answer_headers;
	while (*link != NULL && strcasecmp((*link)->name, name) != 0)
		link = &(*link)->next;
	const char *copied = arena_copy_text(request->arena, value);
	if (copied == NULL)
		return;
	if (*link == NULL) {
		struct http_answer_header *header = arena_alloc(request->arena, sizeof *header);
		const char *copied_name = arena_copy_text(request->arena, name);
		if (header == NULL || copied_name == NULL)
			return;
		header->name = copied_name;
		*link = header;
	}
	(*link)->value = copied;
}

void http_respond_header(struct http_request *request, const char *name, const char *value)
{
	if (text_is_token(name) && text_is_field_value(value))
		request_add_answer_header(request, name, value);
}

void http_respond_retry_after(struct http_request *request, unsigned seconds)
{
	char text[16];
	(void)snprintf(text, sizeof text, "%u", seconds);
	request_add_answer_header(request, "Retry-After", text);
}

static const struct http_answer_header *find_header(const struct http_answer_header *header, const char *name)
{
	while (header != NULL && strcasecmp(header->name, name) != 0)
		header = header->next;
	return header;
}

static void add_headers(struct MHD_Response *response, const struct http_request *request, const char *content_type,
                        const struct http_answer_header *own)
{
	if (content_type != NULL && find_header(own, MHD_HTTP_HEADER_CONTENT_TYPE) == NULL)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	if (find_header(own, MHD_HTTP_HEADER_CACHE_CONTROL) == NULL)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-store");
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(response, "X-Request-Id", request->id);
	if (request->varies_by_origin)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Origin");
	if (request->allow_origin != NULL) {
		(void)MHD_add_response_header(response, "Access-Control-Allow-Origin", request->allow_origin);
		(void)MHD_add_response_header(response, "Access-Control-Expose-Headers", CORS_EXPOSED_HEADERS);
	}
	for (; own != NULL; own = own->next)
		(void)MHD_add_response_header(response, own->name, own->value);
}

void respond_add_headers(struct MHD_Response *response, const struct http_request *request, const char *content_type)
{
	add_headers(response, request, content_type, request->answer_headers);
}

// Takes the buffer's memory; a NULL buffer is an empty body.
static struct MHD_Response *make_response(struct buffer *taken)
{
	size_t length = 0;
	char *data = taken == NULL ? NULL : buffer_take(taken, &length);
	if (data == NULL)
		return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	struct MHD_Response *response = MHD_create_response_from_buffer(length, data, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		free(data);
	return response;
}

static void deliver(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken)
{
	struct MHD_Response *response = NULL;
	if (request_state_now(request) < REQUEST_ANSWERED) {
		response = make_response(taken);
		if (response != NULL)
			add_headers(response, request, content_type, request->answer_headers);
	} else if (taken != NULL) {
		buffer_done(taken);
	}
	request_deliver(request, response, status, ANSWER_BY_HANDLER);
}

// The pieces as libmicrohttpd takes them. It copies the array once more, into the connection's memory when it sends.
static struct MHD_Response *make_response_of_pieces(const struct http_piece *pieces, size_t count,
                                                    void (*release)(void *owner), void *owner)
{
	struct MHD_IoVec vectors[HTTP_PIECES_MAX];
	assert(count <= HTTP_PIECES_MAX);
	for (size_t i = 0; i < count; i++)
		vectors[i] = (struct MHD_IoVec){ .iov_base = pieces[i].data, .iov_len = pieces[i].length };
	return MHD_create_response_from_iovec(vectors, (unsigned)count, release, owner);
}

void http_respond_pieces(struct http_request *request, unsigned status, const char *content_type,
                         const struct http_piece *pieces, size_t count, void (*release)(void *owner), void *owner)
{
	struct MHD_Response *response = NULL;
	assert(strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0);
	if (request_state_now(request) < REQUEST_ANSWERED)
		response = make_response_of_pieces(pieces, count, release, owner);
	if (response != NULL)
		add_headers(response, request, content_type, request->answer_headers);
	else
		release(owner);
	request_deliver(request, response, status, ANSWER_BY_HANDLER);
}

// An answer that waits for http_respond_release().
struct respond_held {
	unsigned status;
	const char *content_type; // NULL: no body
	struct buffer taken;
	bool has_body;
};

static bool is_write(const struct http_request *request)
{
	return strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0 &&
	       strcmp(request->method, "OPTIONS") != 0;
}

// Puts the answer into request->held. False without memory: nothing was taken.
static bool keep_back(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken)
{
	struct respond_held *held = arena_alloc(request->arena, sizeof *held);
	if (held == NULL)
		return false;
	*held = (struct respond_held){ .status = status,
		                       .content_type = content_type == NULL
		                                               ? NULL
		                                               : arena_copy_text(request->arena, content_type),
		                       .has_body = taken != NULL };
	if (taken != NULL) {
		held->taken = *taken;
		buffer_init(taken, taken->limit);
	}
	request->held = held;
	// Before somebody else can release it: the connection waits from here on.
	http_request_defer(request);
	return true;
}

void http_respond_release(struct http_request *request)
{
	struct respond_held *held = request->held;
	deliver(request, held->status, held->content_type, held->has_body ? &held->taken : NULL);
}

void respond_deliver(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken)
{
	struct server_gate *gate = request->gate;
	bool is_kept = false, is_held = false;
	bool may_be_held = request->held == NULL && is_write(request) && status >= 200 && status <= 299;
	const struct http_server *server = may_be_held ? server_gate_enter(gate) : NULL;
	if (server != NULL) {
		const struct http_server_config *config = &server->config;
		is_kept = config->hold != NULL && keep_back(request, status, content_type, taken);
		is_held = is_kept && config->hold(config->context, request); // the request may be gone now
		server_gate_leave(gate);
	}
	if (!is_kept)
		deliver(request, status, content_type, taken);
	else if (!is_held)
		http_respond_release(request);
}

static void answer(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken)
{
	if (!idempotency_settle(request, status, content_type, taken))
		respond_deliver(request, status, content_type, taken);
}

void http_respond_buffer(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken)
{
	if (buffer_ok(taken)) {
		answer(request, status, content_type, taken);
		return;
	}
	buffer_done(taken);
	struct buffer problem;
	buffer_init(&problem, 4096);
	problem_write(&problem, request, 500, "internal", "The answer would not fit.", NULL, 0);
	answer(request, 500, PROBLEM_CONTENT_TYPE, buffer_ok(&problem) ? &problem : NULL);
	buffer_done(&problem);
}

void http_respond_json(struct http_request *request, unsigned status, struct buffer *taken)
{
	http_respond_buffer(request, status, "application/json", taken);
}

void http_respond_empty(struct http_request *request, unsigned status)
{
	answer(request, status, NULL, NULL);
}

void respond_by_reaper(struct http_request *request, const char *slug, const char *detail)
{
	static const struct http_answer_header retry = { .name = "Retry-After", .value = "1" };
	struct buffer out;
	buffer_init(&out, 8192);
	problem_write(&out, request, 503, slug, detail, NULL, 0);
	struct MHD_Response *response = make_response(&out);
	if (response != NULL)
		add_headers(response, request, PROBLEM_CONTENT_TYPE, &retry);
	buffer_done(&out);
	request_deliver(request, response, 503, ANSWER_BY_REAPER);
}
