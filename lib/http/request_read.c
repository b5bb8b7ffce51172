// What handlers ask of a request.
#include "http/request_priv.h"

#include <strings.h>

void *http_request_context(const struct http_request *request)
{
	return request->context;
}

struct arena *http_request_arena(struct http_request *request)
{
	return request->arena;
}

const char *http_request_method(const struct http_request *request)
{
	return request->method;
}

const char *http_request_path(const struct http_request *request)
{
	return request->path;
}

const struct route *http_request_route(const struct http_request *request)
{
	return request->route;
}

// Most names differ in their first letter already.
static bool is_named(const struct http_pair *pair, const char *name)
{
	return ((pair->name[0] ^ name[0]) & ~0x20) == 0 && strcasecmp(pair->name, name) == 0;
}

const char *request_header_at(const struct http_request *request, const char *name, size_t n)
{
	for (size_t i = 0; i < request->headers.count; i++)
		if (is_named(&request->headers.items[i], name) && n-- == 0)
			return request->headers.items[i].value;
	return NULL;
}

size_t request_header_count(const struct http_request *request, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < request->headers.count; i++)
		count += is_named(&request->headers.items[i], name);
	return count;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
	return request_header_at(request, name, 0);
}

const char *http_request_body(const struct http_request *request, size_t *ret_length)
{
	if (ret_length != NULL)
		*ret_length = request->body.length;
	return buffer_text(&request->body);
}

const char *http_request_id(const struct http_request *request)
{
	return request->id;
}

const char *http_request_traceparent(const struct http_request *request)
{
	return request->traceparent;
}

const struct http_principal *http_request_principal(const struct http_request *request)
{
	return request->has_principal ? &request->principal : NULL;
}

const char *http_request_client(const struct http_request *request)
{
	return request->client;
}

struct deadline http_request_deadline(const struct http_request *request)
{
	return request->deadline;
}
