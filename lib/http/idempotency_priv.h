// What the request's way through the server and idempotency share; for lib/http alone.
#pragma once

#include <stdbool.h>

#include "base/idempotency.h"
#include "http/idempotency.h"

// A claimed key; in the request's arena.
struct idempotency {
	struct idempotency_claim claim;
	char key[2 * 32 + 1];
	char scope[128];
	uint8_t fingerprint[32];
};

// True when the request brings a key that this server is to look after.
bool idempotency_applies(const struct http_request *request);

// On a worker: claim the request's key. True: run the handler. False: it was answered.
bool idempotency_claim(struct http_request *request);

// Keep or release, on a worker, before the answer goes out. False: nothing is claimed (any more), answer now. True: the
// request and what was taken are the worker's.
bool idempotency_settle(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken);
