// Where the answers to requests with an Idempotency-Key are kept: what lib/http asks for and lib/catalog gives, so that
// neither knows the other. Functions block until the deadline at most, on any thread that may wait.
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"

// What a request claims.
struct idempotency_claim {
	struct uuid owner_id;
	const char *scope;          // "POST /v1/items/{id}/shares": keys of different calls do not meet
	const char *key;            // 1 to 255 bytes
	const uint8_t *fingerprint; // 32 bytes that stand for everything else of the request
};

enum idempotency_state {
	IDEMPOTENCY_MINE,  // nobody had it: do the work, then keep() or release()
	IDEMPOTENCY_BUSY,  // another request with it is being worked on
	IDEMPOTENCY_DONE,  // its answer is there
	IDEMPOTENCY_OTHER, // it was used for another request
};

struct idempotency_found {
	enum idempotency_state state;
	unsigned status; // with IDEMPOTENCY_DONE
	char *answer;    // with IDEMPOTENCY_DONE: as it was kept; malloc'ed, the caller frees; NULL: it was not kept
};

struct idempotency_store {
	void *context;
	// A claim that is neither kept nor released lapses after lease_ms.
	enum rc (*claim)(void *context, const struct idempotency_claim *claim, int64_t lease_ms,
	                 struct deadline deadline, struct idempotency_found *ret_found, struct err *err);
	// answer NULL: only that it was done.
	enum rc (*keep)(void *context, const struct idempotency_claim *claim, unsigned status, const char *answer,
	                struct deadline deadline, struct err *err);
	enum rc (*release)(void *context, const struct idempotency_claim *claim, struct deadline deadline,
	                   struct err *err);
};
