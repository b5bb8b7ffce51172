// Rate limits in a table of fixed size: token buckets (GCRA) by policy and key, for any number of keys.
//
// A bucket holds `quota` units and fills up again within `window_seconds`, one unit each window/quota: at once a client
// may do `quota` things, over long times `quota` a window. Keys are hashed under a random key of the table, so nobody
// can aim at another's bucket. When the table is full the bucket that owes least goes: a client that has used up its
// quota cannot get rid of its debt by inventing keys. Limits hold for one process, or by http/rate_share.h for several.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct http_request;
struct rate_limit;

struct rate_policy {
	const char *name;        // of [a-z0-9-]: in the headers, and part of the bucket's key
	unsigned quota;          // units; 0: no limit
	unsigned window_seconds; // >= 1
};

struct rate_verdict {
	bool allowed;
	unsigned remaining;           // whole units that are left
	unsigned reset_seconds;       // until all of them are there again
	unsigned retry_after_seconds; // until the next one is there; 0 when allowed
};

// Room for at least `buckets` (56 bytes each). RC_NO_MEMORY.
enum rc rate_limit_new(size_t buckets, struct rate_limit **ret_limit, struct err *err) MUST_CHECK;
void rate_limit_free(struct rate_limit *limit);

// Take one unit; nothing is taken when there is none. now_us on the monotonic clock. Any thread; never blocks for long.
struct rate_verdict rate_limit_take(struct rate_limit *limit, const struct rate_policy *policy, const char *key,
                                    int64_t now_us);

// Fill the bucket up again.
void rate_limit_forget(struct rate_limit *limit, const struct rate_policy *policy, const char *key);

// What an address counts as: itself, or for IPv6 its /64 network, which is what one customer gets (RFC 6177).
#define RATE_ADDRESS_SIZE 48
void rate_limit_address_key(const char *address, char ret_key[RATE_ADDRESS_SIZE]);

// For http_server_config.admit: take one unit of each limit of the request, `account` by the caller's id (where there
// is one) and `address` by its network address, and tell in RateLimit and RateLimit-Policy
// (draft-ietf-httpapi-ratelimit-headers-10). False: 429 with Retry-After has been answered.
bool rate_limit_admit(struct rate_limit *limit, struct http_request *request, const struct rate_policy *account,
                      const struct rate_policy *address);

// The same by calls a minute: [http] account_calls and address_calls.
bool rate_limit_admit_calls(struct rate_limit *limit, struct http_request *request, unsigned account_calls,
                            unsigned address_calls);
