// Failures that go on and on, logged without flooding: the first one, a reminder each minute, and the end.
#pragma once

#include <stdint.h>

#include "base/error.h"

// One kind of work that may be failing. Zero-initialise with a name. One thread at a time.
struct trouble {
	const char *name; // "relay": logged as <name>_failed and <name>_recovered
	unsigned failures;
	int64_t began_us; // on the monotonic clock, as the next
	int64_t logged_us;
};

// The work failed / succeeded.
void trouble_fail(struct trouble *trouble, const struct err *err);
void trouble_end(struct trouble *trouble);

// Either of them, by err->rc or rc; returns rc.
enum rc trouble_report(struct trouble *trouble, enum rc rc, const struct err *err);
