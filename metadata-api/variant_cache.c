// A hash table of texts, the one used longest ago first to go.
#include "metadata-api/variant_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"

// A table entry for each of so many bytes: about what a media's text takes.
#define BYTES_EACH 4096

struct kept {
	struct kept *chain;          // in its slot
	struct kept *newer, *older;  // by last use
	_Atomic unsigned references; // the cache's own and its readers'
	struct variant_key key;
	struct variant_text text;
};

struct variant_cache {
	size_t limit;
	struct metric *hits;
	struct metric *misses;
	struct metric *held;
	pthread_mutex_t lock; // guards what follows
	size_t bytes;
	struct kept *newest, *oldest;
	size_t slot_count; // a power of two
	struct kept *slots[];
};

struct variant_cache *variant_cache_new(size_t bytes, struct metrics *metrics)
{
	size_t slots = 1;
	while (slots < bytes / BYTES_EACH)
		slots *= 2;
	struct variant_cache *cache = calloc(1, sizeof *cache + slots * sizeof cache->slots[0]);
	if (cache == NULL)
		return NULL;
	cache->limit = bytes;
	cache->slot_count = slots;
	(void)pthread_mutex_init(&cache->lock, NULL);
	if (metrics != NULL) {
		const char *help = "Variants of a media, asked of the texts that are kept.";
		cache->hits = metrics_add(metrics, METRIC_COUNTER, "safelight_api_variant_texts_total", help,
		                          "found=\"yes\"");
		cache->misses =
		        metrics_add(metrics, METRIC_COUNTER, "safelight_api_variant_texts_total", help, "found=\"no\"");
		cache->held = metrics_add(metrics, METRIC_GAUGE, "safelight_api_variant_texts_bytes",
		                          "Memory of the texts that are kept.", NULL);
	}
	return cache;
}

static void release(struct kept *kept)
{
	if (atomic_fetch_sub_explicit(&kept->references, 1, memory_order_acq_rel) == 1)
		free(kept);
}

static struct kept *kept_of(const struct variant_text *text)
{
	return (struct kept *)(uintptr_t)((const char *)text - offsetof(struct kept, text));
}

const struct variant_text *variant_text_new(const struct variant_key *key, const char *text, size_t length)
{
	struct kept *kept = malloc(sizeof *kept + length);
	if (kept == NULL)
		return NULL;
	atomic_init(&kept->references, 1);
	kept->key = *key;
	kept->text.length = length;
	memcpy(kept->text.text, text, length);
	fingerprint_of(text, length, kept->text.fingerprint);
	return &kept->text;
}

void variant_text_hold(const struct variant_text *text)
{
	atomic_fetch_add_explicit(&kept_of(text)->references, 1, memory_order_relaxed);
}

void variant_text_release(const struct variant_text *text)
{
	if (text != NULL)
		release(kept_of(text));
}

static size_t size_of(const struct kept *kept)
{
	return sizeof *kept + kept->text.length;
}

// Ids end in random bits, so they need no hashing.
static struct kept **slot_of(struct variant_cache *cache, const struct variant_key *key)
{
	uint64_t bits;
	memcpy(&bits, key->media_id.bytes + 8, sizeof bits);
	return &cache->slots[(size_t)(bits >> 32 ^ bits) & (cache->slot_count - 1)];
}

static bool keys_equal(const struct variant_key *left, const struct variant_key *right)
{
	return left->version == right->version && left->expiry == right->expiry && left->is_media == right->is_media &&
	       uuid_equal(&left->media_id, &right->media_id);
}

static struct kept *look_up(struct variant_cache *cache, const struct variant_key *key)
{
	struct kept *kept = *slot_of(cache, key);
	while (kept != NULL && !keys_equal(&kept->key, key))
		kept = kept->chain;
	return kept;
}

static void unlink_use(struct variant_cache *cache, struct kept *kept)
{
	*(kept->newer == NULL ? &cache->newest : &kept->newer->older) = kept->older;
	*(kept->older == NULL ? &cache->oldest : &kept->older->newer) = kept->newer;
}

static void link_newest(struct variant_cache *cache, struct kept *kept)
{
	kept->newer = NULL;
	kept->older = cache->newest;
	*(cache->newest == NULL ? &cache->oldest : &cache->newest->newer) = kept;
	cache->newest = kept;
}

static void drop(struct variant_cache *cache, struct kept *kept)
{
	struct kept **link = slot_of(cache, &kept->key);
	while (*link != kept)
		link = &(*link)->chain;
	*link = kept->chain;
	unlink_use(cache, kept);
	cache->bytes -= size_of(kept);
	release(kept);
}

void variant_cache_free(struct variant_cache *cache)
{
	if (cache == NULL)
		return;
	while (cache->oldest != NULL)
		drop(cache, cache->oldest);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

const struct variant_text *variant_cache_find(struct variant_cache *cache, const struct variant_key *key)
{
	(void)pthread_mutex_lock(&cache->lock);
	struct kept *kept = look_up(cache, key);
	if (kept != NULL) {
		atomic_fetch_add_explicit(&kept->references, 1, memory_order_relaxed);
		unlink_use(cache, kept);
		link_newest(cache, kept);
	}
	(void)pthread_mutex_unlock(&cache->lock);
	metric_add(kept != NULL ? cache->hits : cache->misses, 1);
	return kept == NULL ? NULL : &kept->text;
}

static void add_locked(struct variant_cache *cache, struct kept *kept)
{
	if (look_up(cache, &kept->key) != NULL)
		return;
	struct kept **slot = slot_of(cache, &kept->key);
	variant_text_hold(&kept->text);
	kept->chain = *slot;
	*slot = kept;
	link_newest(cache, kept);
	cache->bytes += size_of(kept);
	while (cache->bytes > cache->limit)
		drop(cache, cache->oldest);
	metric_set(cache->held, (int64_t)cache->bytes);
}

void variant_cache_keep(struct variant_cache *cache, const struct variant_text *text)
{
	if (size_of(kept_of(text)) > cache->limit)
		return;
	(void)pthread_mutex_lock(&cache->lock);
	add_locked(cache, kept_of(text));
	(void)pthread_mutex_unlock(&cache->lock);
}
