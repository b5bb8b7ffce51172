// The table of rate limits, for the files that take from it and share it.
#pragma once

#include <pthread.h>

#include "base/crypto.h"
#include "http/rate_limit.h"

// A key may stand in any bucket of its set.
#define RATE_SET_BUCKETS 8
#define RATE_STRIPES 64

struct rate_bucket {
	uint64_t key[2]; // of the hash; zero: empty
	// By what this process has taken, and by what all have, as far as it knows: the later one counts. So others can
	// only make a limit tighter, whatever they tell.
	int64_t full_at_us;
	int64_t shared_full_at_us;
	int64_t unit_us;
	unsigned quota;
	unsigned untold; // units that the others do not know of
	bool is_forgotten;
	bool is_news; // asked for since it was last told
};

struct rate_limit {
	struct hmac_key hash_key;
	bool is_shared;
	size_t set_count; // a power of two
	pthread_mutex_t stripes[RATE_STRIPES];
	bool has_news[RATE_STRIPES];
	struct rate_bucket
	        buckets[]; // set_count * RATE_SET_BUCKETS; a set is guarded by stripe number set % RATE_STRIPES
};

struct rate_place {
	uint64_t key[2];
	size_t set;
};

static inline bool rate_bucket_is(const struct rate_bucket *bucket, const struct rate_place *place)
{
	return bucket->key[0] == place->key[0] && bucket->key[1] == place->key[1];
}

// Its bucket, or the one to be taken for it. Under the lock of its stripe.
struct rate_bucket *rate_bucket_find(struct rate_limit *limit, const struct rate_place *place);
// Where a key stands.
struct rate_place rate_place_of(const struct rate_limit *limit, const uint64_t key[2]);
