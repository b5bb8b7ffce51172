// The canonical request of SigV4: sorted, encoded, normalised. Private to sigv4.c; pure like it.
#pragma once

#include "store/sigv4.h"

struct canonical_headers {
	struct store_pair pairs[SIGV4_PAIRS + 4]; // the caller's and the four that signing adds
	size_t count;
};

// Add the request's own headers, checked: RC_INVALID for reserved or malformed ones, RC_LIMIT for too many.
enum rc canonical_headers_add_all(struct canonical_headers *headers, const struct sigv4_request *request,
                                  struct err *err);

// Add one that signing itself needs.
void canonical_headers_add(struct canonical_headers *headers, const char *name, const char *value);

// By lower-case name. RC_INVALID when one is there twice.
enum rc canonical_headers_sort(struct canonical_headers *headers, struct err *err);

// "host;range;x-amz-date": of sorted headers.
void canonical_headers_write_names(const struct canonical_headers *headers, struct span *out);

// The whole canonical request, of sorted headers. RC_LIMIT, RC_INVALID like sigv4_encode_target.
enum rc canonical_write(const struct sigv4_request *request, const struct store_pair *query, size_t query_count,
                        const struct canonical_headers *headers, const char *payload, struct span *out,
                        struct err *err);
