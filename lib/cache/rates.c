// Rates counted in Redis.
#include "cache/rates.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "cache/cache.h"
#include "cache/cache_private.h"

// GCRA on Redis' clock: KEYS[1] holds when the bucket is full; ARGV: microseconds of debt to add, and whether it was
// filled up before. Answers the whole debt in microseconds.
static const char SCRIPT[] = "local time = redis.call('TIME') "
                             "local now = time[1] * 1000000 + time[2] "
                             "local full = tonumber(redis.call('GET', KEYS[1]) or 0) "
                             "if ARGV[2] == '1' or full < now then full = now end "
                             "full = full + ARGV[1] "
                             "if full > now then "
                             "  redis.call('SET', KEYS[1], string.format('%.0f', full), "
                             "    'PX', string.format('%.0f', math.ceil((full - now) / 1000))) "
                             "else redis.call('DEL', KEYS[1]) end "
                             "return full - now";

struct telling {
	struct rate_taken taken;
	int64_t asked_at_us;
	rate_learned *learned;
	void *context;
};

static void on_reply(void *context, const struct cache_reply *reply)
{
	struct telling *telling = context;
	// What Redis did not take is lost for the others; each process still counts its own.
	if (reply->rc == RC_OK && reply->data == NULL)
		telling->learned(telling->context, &telling->taken, telling->asked_at_us, reply->integer);
	free(telling);
}

static void tell(void *context, const struct rate_taken *taken, int64_t asked_at_us, rate_learned *learned,
                 void *learned_context)
{
	struct cache *cache = context;
	char key[CACHE_KEY_SIZE], units_us[24];
	struct telling *telling = malloc(sizeof *telling);
	if (telling == NULL)
		return;
	*telling = (struct telling){
		.taken = *taken, .asked_at_us = asked_at_us, .learned = learned, .context = learned_context
	};
	(void)snprintf(key, sizeof key, "safelight:%s:rate:%016" PRIx64 "%016" PRIx64, cache->name, taken->key[0],
	               taken->key[1]);
	(void)snprintf(units_us, sizeof units_us, "%lld", (long long)taken->units * (long long)taken->unit_us);
	const struct cache_word words[] = { cache_word("EVAL"),   cache_word(SCRIPT),
		                            cache_word("1"),      cache_word(key),
		                            cache_word(units_us), cache_word(taken->is_forgotten ? "1" : "0") };
	cache_call(cache, words, 6, on_reply, telling);
}

struct rate_exchange cache_rates(struct cache *cache)
{
	struct rate_exchange exchange = { 0 };
	if (cache == NULL)
		return exchange;
	cache_derive(cache, "rates", exchange.secret);
	exchange.context = cache;
	exchange.tell = tell;
	return exchange;
}
