// Limits that all instances of a service keep together: each decides by itself, at once, on what it has taken and what
// it knows of the others, and RATE_SHARE_MS later they know of each other.
//
// All together allow a quota and at most what the others of them allow between two exchanges: with n instances at the
// very most n quotas, when all are asked within that time; and what was too much then counts against the next window.
// When what lies between them does not answer, each limits by itself. A bucket filled up again by one
// (rate_limit_forget) is so for all of them but for what another one itself has taken.
#pragma once

#include "base/error.h"
#include "base/rate_exchange.h"

struct rate_limit;
struct rate_share;

#define RATE_SHARE_MS 100

// Begin to share a table that nobody uses yet, by a thread. The exchange is copied. Without a tell *ret_share is NULL,
// and the table stays as it is. RC_NO_MEMORY, RC_UNAVAILABLE (no thread).
enum rc rate_share_start(struct rate_limit *limit, const struct rate_exchange *exchange, struct rate_share **ret_share,
                         struct err *err) MUST_CHECK;
// Accepts NULL. Then the exchange has to end what it has under way, then the table may be freed.
void rate_share_stop(struct rate_share *share);

// One exchange: tell everything that is news. For the thread, and for tests that want no thread (with
// rate_share_prepare, which makes the table one that is shared).
void rate_share_tell(struct rate_limit *limit, const struct rate_exchange *exchange, int64_t now_us);
void rate_share_prepare(struct rate_limit *limit, const struct rate_exchange *exchange);
