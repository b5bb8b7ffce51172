// Token buckets as one number each: the time at which the bucket will be full again (GCRA's theoretical arrival time).
#include "http/rate_limit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/rate_limit_priv.h"

enum rc rate_limit_new(size_t buckets, struct rate_limit **ret_limit, struct err *err)
{
	size_t sets = RATE_STRIPES;
	while (sets * RATE_SET_BUCKETS < buckets)
		sets *= 2;
	struct rate_limit *limit = calloc(1, sizeof *limit + sets * RATE_SET_BUCKETS * sizeof limit->buckets[0]);
	if (limit == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the rate limits");
	uint8_t secret[SHA256_SIZE];
	random_fill(secret, sizeof secret);
	hmac_key_init(&limit->hash_key, secret, sizeof secret);
	crypto_wipe(secret, sizeof secret);
	limit->set_count = sets;
	for (size_t i = 0; i < RATE_STRIPES; i++)
		(void)pthread_mutex_init(&limit->stripes[i], NULL);
	*ret_limit = limit;
	return RC_OK;
}

void rate_limit_free(struct rate_limit *limit)
{
	if (limit == NULL)
		return;
	for (size_t i = 0; i < RATE_STRIPES; i++)
		(void)pthread_mutex_destroy(&limit->stripes[i]);
	free(limit);
}

struct rate_place rate_place_of(const struct rate_limit *limit, const uint64_t key[2])
{
	return (struct rate_place){ .key = { key[0], key[1] }, .set = (size_t)key[1] & (limit->set_count - 1) };
}

static struct rate_place place_of(const struct rate_limit *limit, const struct rate_policy *policy, const char *key)
{
	char text[512];
	uint8_t mac[SHA256_SIZE];
	uint64_t hash[2];
	int length = snprintf(text, sizeof text, "%s %s", policy->name, key);
	hmac_of(&limit->hash_key, text, length < (int)sizeof text ? (size_t)length : sizeof text - 1, mac);
	memcpy(hash, mac, sizeof hash);
	return rate_place_of(limit, hash);
}

static int64_t later(int64_t one_us, int64_t other_us)
{
	return one_us > other_us ? one_us : other_us;
}

static int64_t full_at(const struct rate_bucket *bucket)
{
	return later(bucket->full_at_us, bucket->shared_full_at_us);
}

// Empty ones are full since ever, so they are taken first.
struct rate_bucket *rate_bucket_find(struct rate_limit *limit, const struct rate_place *place)
{
	struct rate_bucket *set = &limit->buckets[place->set * RATE_SET_BUCKETS];
	struct rate_bucket *least = set;
	for (size_t i = 0; i < RATE_SET_BUCKETS; i++) {
		if (rate_bucket_is(&set[i], place))
			return &set[i];
		if (full_at(&set[i]) < full_at(least))
			least = &set[i];
	}
	return least;
}

static unsigned seconds_up(int64_t microseconds)
{
	return microseconds <= 0 ? 0 : (unsigned)((microseconds + 999999) / 1000000);
}

struct rate_verdict rate_limit_take(struct rate_limit *limit, const struct rate_policy *policy, const char *key,
                                    int64_t now_us)
{
	if (policy->quota == 0)
		return (struct rate_verdict){ .allowed = true, .remaining = UINT32_MAX };
	int64_t window_us = (int64_t)policy->window_seconds * 1000000;
	int64_t unit_us = window_us / policy->quota > 0 ? window_us / policy->quota : 1;
	int64_t whole_us = unit_us * policy->quota;
	struct rate_place place = place_of(limit, policy, key);
	pthread_mutex_t *stripe = &limit->stripes[place.set % RATE_STRIPES];
	(void)pthread_mutex_lock(stripe);
	struct rate_bucket *bucket = rate_bucket_find(limit, &place);
	// Worked on here, since one that gets nothing takes nobody's bucket.
	struct rate_bucket now = rate_bucket_is(bucket, &place)
	                                 ? *bucket
	                                 : (struct rate_bucket){ .key = { place.key[0], place.key[1] } };
	now.full_at_us = later(now.full_at_us, now_us);
	now.shared_full_at_us = later(now.shared_full_at_us, now_us);
	bool allowed = full_at(&now) + unit_us - now_us <= whole_us;
	if (allowed) {
		now.full_at_us += unit_us;
		now.shared_full_at_us += unit_us;
		now.untold++;
	}
	if (allowed || rate_bucket_is(bucket, &place)) {
		now.unit_us = unit_us;
		now.quota = policy->quota;
		now.is_news = limit->is_shared;
		limit->has_news[place.set % RATE_STRIPES] = true;
		*bucket = now;
	}
	(void)pthread_mutex_unlock(stripe);
	int64_t debt_us = full_at(&now) - now_us;
	return (struct rate_verdict){
		.allowed = allowed,
		.remaining = debt_us >= whole_us ? 0 : (unsigned)((whole_us - debt_us) / unit_us),
		.reset_seconds = seconds_up(debt_us),
		.retry_after_seconds = allowed ? 0 : seconds_up(debt_us + unit_us - whole_us),
	};
}

void rate_limit_forget(struct rate_limit *limit, const struct rate_policy *policy, const char *key)
{
	struct rate_place place = place_of(limit, policy, key);
	pthread_mutex_t *stripe = &limit->stripes[place.set % RATE_STRIPES];
	(void)pthread_mutex_lock(stripe);
	struct rate_bucket *bucket = rate_bucket_find(limit, &place);
	if (rate_bucket_is(bucket, &place)) {
		bucket->full_at_us = bucket->shared_full_at_us = 0;
		bucket->untold = 0;
		bucket->is_forgotten = limit->is_shared;
		bucket->is_news = limit->is_shared;
		limit->has_news[place.set % RATE_STRIPES] = true;
	}
	(void)pthread_mutex_unlock(stripe);
}

void rate_limit_address_key(const char *address, char ret_key[RATE_ADDRESS_SIZE])
{
	struct in6_addr six;
	if (strchr(address, ':') != NULL && inet_pton(AF_INET6, address, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six)) {
		memset(six.s6_addr + 8, 0, 8);
		(void)inet_ntop(AF_INET6, &six, ret_key, RATE_ADDRESS_SIZE);
		return;
	}
	size_t length = strnlen(address, RATE_ADDRESS_SIZE - 1);
	memcpy(ret_key, address, length);
	ret_key[length] = '\0';
}
