// Answering in a handler's stead; for lib/http alone.
#pragma once

struct http_request;

// Answer a deferred request 503 with Retry-After: 1 (once; otherwise nothing happens). Any thread that holds a
// reference.
void respond_by_reaper(struct http_request *request, const char *slug, const char *detail);
