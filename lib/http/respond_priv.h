// Answering in a handler's stead; for lib/http alone.
#pragma once

struct MHD_Response;
struct http_request;

// Put the headers on that every answer carries, and those set by the handler. Before the request is given up.
void respond_add_headers(struct MHD_Response *response, const struct http_request *request, const char *content_type);

// Answer a deferred request 503 with Retry-After: 1 (once; otherwise nothing happens). Any thread that holds a
// reference.
void respond_by_reaper(struct http_request *request, const char *slug, const char *detail);

// Make the response and deliver it, by the handler's side.
struct buffer;
void respond_deliver(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken);
