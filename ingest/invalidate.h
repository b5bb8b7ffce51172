// Dropping cached variants at Amazon CloudFront, where it stands in place of our edges.
#pragma once

#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"

struct http_client;
struct invalidator;
struct metrics;
struct settings;

// From [cdn] cloudfront_*. *ret_invalidator is NULL when no distribution is configured. RC_INVALID: the keys are
// missing. The arguments must live as long as it. Freed with invalidator_free; accepts NULL.
enum rc invalidator_new(const struct settings *settings, struct http_client *client, struct metrics *metrics,
                        struct invalidator **ret_invalidator, struct err *err) MUST_CHECK;
void invalidator_free(struct invalidator *invalidator);

// Most keys of one call.
#define INVALIDATE_MAX 1000

// Ask CloudFront to forget these object keys. RC_OK when it has accepted (it takes some seconds more everywhere), or
// when there is no invalidator. What passes is tried three times within the deadline; beyond that the caller tries
// again later: the same keys within one hour are one invalidation however often they are sent. Any thread that may
// wait, one at a time.
enum rc invalidate_keys(struct invalidator *invalidator, const char *const *keys, size_t count,
                        struct deadline deadline, struct err *err) MUST_CHECK;
