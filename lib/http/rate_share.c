// Sharing a table of rate limits: what is news is told, what all have taken is learned.
#include "http/rate_share.h"

#include <stdlib.h>
#include <string.h>

#include "base/background.h"
#include "base/clock.h"
#include "http/rate_limit_priv.h"

// Nobody is made to wait for longer than this many windows, whatever is told.
#define MOST_WINDOWS 2

struct rate_share {
	struct rate_limit *limit;
	struct rate_exchange exchange;
	struct background *thread;
};

static void learn(void *context, const struct rate_taken *taken, int64_t asked_at_us, int64_t debt_us)
{
	struct rate_limit *limit = context;
	int64_t most_us = MOST_WINDOWS * taken->unit_us * taken->quota;
	struct rate_place place = rate_place_of(limit, taken->key);
	pthread_mutex_t *stripe = &limit->stripes[place.set % RATE_STRIPES];
	if (debt_us < 0 || debt_us > most_us)
		debt_us = debt_us < 0 ? 0 : most_us;
	(void)pthread_mutex_lock(stripe);
	struct rate_bucket *bucket = rate_bucket_find(limit, &place);
	if (rate_bucket_is(bucket, &place) && !bucket->is_forgotten)
		bucket->shared_full_at_us = asked_at_us + debt_us + (int64_t)bucket->untold * bucket->unit_us;
	(void)pthread_mutex_unlock(stripe);
}

// The news of a set's buckets; returns how many there are. Under the lock of its stripe.
static size_t take_news(struct rate_bucket *set, struct rate_taken ret_news[RATE_SET_BUCKETS])
{
	size_t count = 0;
	for (size_t i = 0; i < RATE_SET_BUCKETS; i++) {
		if (!set[i].is_news)
			continue;
		ret_news[count++] = (struct rate_taken){ .key = { set[i].key[0], set[i].key[1] },
			                                 .unit_us = set[i].unit_us,
			                                 .quota = set[i].quota,
			                                 .units = set[i].untold,
			                                 .is_forgotten = set[i].is_forgotten };
		set[i].untold = 0;
		set[i].is_forgotten = false;
		set[i].is_news = false;
	}
	return count;
}

void rate_share_tell(struct rate_limit *limit, const struct rate_exchange *exchange, int64_t now_us)
{
	struct rate_taken news[RATE_SET_BUCKETS];
	for (size_t stripe = 0; stripe < RATE_STRIPES; stripe++) {
		(void)pthread_mutex_lock(&limit->stripes[stripe]);
		bool has_news = limit->has_news[stripe];
		limit->has_news[stripe] = false;
		(void)pthread_mutex_unlock(&limit->stripes[stripe]);
		for (size_t set = stripe; has_news && set < limit->set_count; set += RATE_STRIPES) {
			(void)pthread_mutex_lock(&limit->stripes[stripe]);
			size_t count = take_news(&limit->buckets[set * RATE_SET_BUCKETS], news);
			(void)pthread_mutex_unlock(&limit->stripes[stripe]);
			for (size_t i = 0; i < count; i++)
				exchange->tell(exchange->context, &news[i], now_us, learn, limit);
		}
	}
}

void rate_share_prepare(struct rate_limit *limit, const struct rate_exchange *exchange)
{
	hmac_key_init(&limit->hash_key, exchange->secret, sizeof exchange->secret);
	limit->is_shared = true;
}

static bool work(void *context)
{
	struct rate_share *share = context;
	rate_share_tell(share->limit, &share->exchange, clock_monotonic_us());
	return false;
}

enum rc rate_share_start(struct rate_limit *limit, const struct rate_exchange *exchange, struct rate_share **ret_share,
                         struct err *err)
{
	*ret_share = NULL;
	if (exchange->tell == NULL)
		return RC_OK;
	struct rate_share *share = calloc(1, sizeof *share);
	if (share == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory to share rate limits");
	share->limit = limit;
	share->exchange = *exchange;
	rate_share_prepare(limit, exchange);
	enum rc rc = background_new("rates", RATE_SHARE_MS, work, share, &share->thread, err);
	if (rc != RC_OK) {
		free(share);
		return rc;
	}
	*ret_share = share;
	return RC_OK;
}

void rate_share_stop(struct rate_share *share)
{
	if (share == NULL)
		return;
	background_free(share->thread);
	crypto_wipe(share->exchange.secret, sizeof share->exchange.secret);
	free(share);
}
