// Token buckets as one number each: the time at which the bucket will be full again (GCRA's theoretical arrival time).
#include "http/rate_limit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

// A key may stand in any bucket of its set.
#define SET_BUCKETS 8
#define STRIPES 64

struct bucket {
	uint64_t key[2]; // of the hash; zero: empty
	int64_t full_at_us;
};

struct rate_limit {
	struct hmac_key hash_key;
	size_t set_count; // a power of two
	pthread_mutex_t stripes[STRIPES];
	struct bucket buckets[]; // set_count * SET_BUCKETS; a set is guarded by stripe number set % STRIPES
};

enum rc rate_limit_new(size_t buckets, struct rate_limit **ret_limit, struct err *err)
{
	size_t sets = STRIPES;
	while (sets * SET_BUCKETS < buckets)
		sets *= 2;
	struct rate_limit *limit = calloc(1, sizeof *limit + sets * SET_BUCKETS * sizeof limit->buckets[0]);
	if (limit == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the rate limits");
	uint8_t secret[SHA256_SIZE];
	random_fill(secret, sizeof secret);
	hmac_key_init(&limit->hash_key, secret, sizeof secret);
	crypto_wipe(secret, sizeof secret);
	limit->set_count = sets;
	for (size_t i = 0; i < STRIPES; i++)
		(void)pthread_mutex_init(&limit->stripes[i], NULL);
	*ret_limit = limit;
	return RC_OK;
}

void rate_limit_free(struct rate_limit *limit)
{
	if (limit == NULL)
		return;
	for (size_t i = 0; i < STRIPES; i++)
		(void)pthread_mutex_destroy(&limit->stripes[i]);
	free(limit);
}

struct place {
	uint64_t key[2];
	size_t set;
};

static struct place place_of(const struct rate_limit *limit, const struct rate_policy *policy, const char *key)
{
	char text[512];
	uint8_t mac[SHA256_SIZE];
	struct place place;
	uint64_t set;
	int length = snprintf(text, sizeof text, "%s %s", policy->name, key);
	hmac_of(&limit->hash_key, text, length < (int)sizeof text ? (size_t)length : sizeof text - 1, mac);
	memcpy(place.key, mac, sizeof place.key);
	memcpy(&set, mac + sizeof place.key, sizeof set);
	place.set = (size_t)set & (limit->set_count - 1);
	return place;
}

static bool is_of(const struct bucket *bucket, const struct place *place)
{
	return bucket->key[0] == place->key[0] && bucket->key[1] == place->key[1];
}

// Its bucket, or the one to be taken for it: empty ones are full since ever, so they go first.
static struct bucket *find(struct rate_limit *limit, const struct place *place)
{
	struct bucket *set = &limit->buckets[place->set * SET_BUCKETS];
	struct bucket *least = set;
	for (size_t i = 0; i < SET_BUCKETS; i++) {
		if (is_of(&set[i], place))
			return &set[i];
		if (set[i].full_at_us < least->full_at_us)
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
	struct place place = place_of(limit, policy, key);
	pthread_mutex_t *stripe = &limit->stripes[place.set % STRIPES];
	(void)pthread_mutex_lock(stripe);
	struct bucket *bucket = find(limit, &place);
	int64_t full_at = is_of(bucket, &place) && bucket->full_at_us > now_us ? bucket->full_at_us : now_us;
	bool allowed = full_at + unit_us - now_us <= whole_us;
	if (allowed) {
		full_at += unit_us;
		*bucket = (struct bucket){ .key = { place.key[0], place.key[1] }, .full_at_us = full_at };
	}
	(void)pthread_mutex_unlock(stripe);
	return (struct rate_verdict){
		.allowed = allowed,
		.remaining = (unsigned)((whole_us - (full_at - now_us)) / unit_us),
		.reset_seconds = seconds_up(full_at - now_us),
		.retry_after_seconds = allowed ? 0 : seconds_up(full_at + unit_us - now_us - whole_us),
	};
}

void rate_limit_forget(struct rate_limit *limit, const struct rate_policy *policy, const char *key)
{
	struct place place = place_of(limit, policy, key);
	pthread_mutex_t *stripe = &limit->stripes[place.set % STRIPES];
	(void)pthread_mutex_lock(stripe);
	struct bucket *bucket = find(limit, &place);
	if (is_of(bucket, &place))
		*bucket = (struct bucket){ .full_at_us = 0 };
	(void)pthread_mutex_unlock(stripe);
}

void rate_limit_address_key(const char *address, char ret_key[RATE_ADDRESS_SIZE])
{
	struct in6_addr six;
	if (inet_pton(AF_INET6, address, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six)) {
		memset(six.s6_addr + 8, 0, 8);
		(void)inet_ntop(AF_INET6, &six, ret_key, RATE_ADDRESS_SIZE);
		return;
	}
	(void)snprintf(ret_key, RATE_ADDRESS_SIZE, "%s", address);
}
