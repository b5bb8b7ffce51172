// A store that fails on demand: wraps a real one and makes chosen calls fail before or after their effect, so that
// every retry and recovery path above it can be tested. Tests only; retries of store.h run above the injected failures.
#pragma once

#include "store/store.h"
#include "store/store_call.h"

enum store_failure_moment {
	STORE_FAIL_BEFORE, // the inner store never hears of it
	STORE_FAIL_AFTER,  // the inner store did it, its answer is lost
};

// Takes over *inner (set to NULL) and frees it with the wrapper. NULL without memory (inner stays the caller's).
struct store *store_flaky_new(struct store **inner);

// From the nth (1 = the next) call of that kind on, `times` calls answer rc. One plan a kind; a new one replaces it.
// store must come from store_flaky_new. Any thread.
void store_flaky_fail(struct store *store, enum store_call call, unsigned nth, unsigned times,
                      enum store_failure_moment moment, enum rc rc);

// Attempts of that kind so far (a call that was retried counts more than once). Any thread.
unsigned store_flaky_calls(struct store *store, enum store_call call);
