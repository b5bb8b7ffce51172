// Problem details (RFC 9457); for lib/http alone.
#pragma once

#include <stddef.h>

#include "http/respond.h"

#define PROBLEM_CONTENT_TYPE "application/problem+json"

// Append the JSON. Uses only what stays fixed while a request is in hand, so that the reaper may call it too.
void problem_write(struct buffer *out, const struct http_request *request, unsigned status, const char *slug,
                   const char *detail, const struct http_field_error *errors, size_t count);
