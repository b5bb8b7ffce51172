// Calls to Redis as their callers see them.
#include "cache/cache.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/settings.h"
#include "cache/cache_private.h"

#define MOST_WORDS 16

static struct metric *add_counter(struct metrics *metrics, const char *labels)
{
	return metrics_add(metrics, METRIC_COUNTER, "safelight_redis_calls_total",
	                   "Calls to Redis: answered, failed, or not sent because it could not be reached.", labels);
}

static void add_metrics(struct cache *cache, struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	cache->up = metrics_add(metrics, METRIC_GAUGE, "safelight_redis_up", "Redis is connected.", NULL);
	cache->ok = add_counter(metrics, "outcome=\"ok\"");
	cache->failed = add_counter(metrics, "outcome=\"failed\"");
	cache->skipped = add_counter(metrics, "outcome=\"skipped\"");
	cache->seconds = metrics_add(metrics, METRIC_HISTOGRAM, "safelight_redis_call_seconds",
	                             "Time from a call to Redis to its reply.", NULL);
}

static void free_cache(struct cache *cache)
{
	if (cache->wake_fd >= 0)
		(void)close(cache->wake_fd);
	if (cache->password != NULL)
		crypto_wipe(cache->password, strlen(cache->password));
	crypto_wipe(&cache->box, sizeof cache->box);
	free(cache->password);
	free(cache->user);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

void cache_derive(const struct cache *cache, const char *purpose, uint8_t ret_key[SHA256_SIZE])
{
	char text[64];
	int length = snprintf(text, sizeof text, "%s %s", cache->name, purpose);
	hmac_of(&cache->root, text, (size_t)length, ret_key);
}

static void derive_keys(struct cache *cache, struct secret_box_key *root)
{
	uint8_t key[SHA256_SIZE];
	hmac_key_init(&cache->root, root->bytes, sizeof root->bytes);
	cache_derive(cache, "names", key);
	hmac_key_init(&cache->name_key, key, sizeof key);
	cache_derive(cache, "copies", cache->box.bytes);
	crypto_wipe(key, sizeof key);
	crypto_wipe(root, sizeof *root);
}

enum rc cache_open(const struct cache_options *options, struct cache **ret_cache, struct err *err)
{
	struct cache_address address;
	struct secret_box_key root;
	if (cache_address_parse(options->url, &address, err) != RC_OK)
		return err_prefix(err, RC_INVALID, "[redis] url");
	if (secret_box_key_parse(options->key, &root, err) != RC_OK)
		return err_prefix(err, RC_INVALID, "[redis] key");
	struct cache *cache = calloc(1, sizeof *cache);
	if (cache == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the link to Redis");
	(void)snprintf(cache->name, sizeof cache->name, "%s", options->name);
	derive_keys(cache, &root);
	cache->address = address;
	cache->timeout_ms = options->timeout_ms;
	cache->user = strdup(options->user);
	cache->password = strdup(options->password);
	cache->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	(void)pthread_mutex_init(&cache->lock, NULL);
	add_metrics(cache, options->metrics);
	if (cache->user == NULL || cache->password == NULL || cache->wake_fd < 0) {
		free_cache(cache);
		return err_set(err, RC_NO_MEMORY, "no memory for the link to Redis");
	}
	if (pthread_create(&cache->thread, NULL, cache_link_run, cache) != 0) {
		free_cache(cache);
		return err_set(err, RC_UNAVAILABLE, "no thread for the link to Redis");
	}
	(void)pthread_setname_np(cache->thread, "redis");
	*ret_cache = cache;
	return RC_OK;
}

enum rc cache_open_configured(const struct settings *settings, const char *name, struct metrics *metrics,
                              struct cache **ret_cache, struct err *err)
{
	const struct cache_options options = { .name = name,
		                               .key = settings->redis_key,
		                               .url = settings->redis_url,
		                               .user = settings->redis_user,
		                               .password = settings->redis_password,
		                               .timeout_ms = settings->redis_timeout_ms,
		                               .metrics = metrics };
	if (settings->redis_url[0] != '\0')
		return cache_open(&options, ret_cache, err);
	*ret_cache = NULL;
	return RC_OK;
}

static void wake(const struct cache *cache)
{
	const uint64_t one = 1;
	// It can only fail when the thread has been woken already.
	ssize_t written = write(cache->wake_fd, &one, sizeof one);
	(void)written;
}

void cache_stop(struct cache *cache)
{
	if (cache == NULL || cache->is_ended)
		return;
	(void)pthread_mutex_lock(&cache->lock);
	cache->is_stopping = true;
	(void)pthread_mutex_unlock(&cache->lock);
	wake(cache);
	(void)pthread_join(cache->thread, NULL);
	cache->is_ended = true;
}

void cache_close(struct cache *cache)
{
	if (cache == NULL)
		return;
	cache_stop(cache);
	free_cache(cache);
}

bool cache_is_up(struct cache *cache)
{
	if (cache == NULL)
		return false;
	(void)pthread_mutex_lock(&cache->lock);
	bool is_up = cache->is_up;
	(void)pthread_mutex_unlock(&cache->lock);
	return is_up;
}

void cache_calls_push(struct cache_calls *calls, struct cache_call *call)
{
	call->next = NULL;
	if (calls->last == NULL)
		calls->first = call;
	else
		calls->last->next = call;
	calls->last = call;
}

struct cache_call *cache_calls_pop(struct cache_calls *calls)
{
	struct cache_call *call = calls->first;
	if (call == NULL)
		return NULL;
	calls->first = call->next;
	if (calls->first == NULL)
		calls->last = NULL;
	return call;
}

void cache_call_end(struct cache *cache, struct cache_call *call, const struct cache_reply *reply)
{
	bool is_answered = reply->rc == RC_OK || reply->rc == RC_NOT_FOUND;
	metric_add(is_answered ? cache->ok : cache->failed, 1);
	metric_observe_us(cache->seconds, clock_monotonic_us() - call->sent_at_us);
	(void)pthread_mutex_lock(&cache->lock);
	cache->count--;
	cache->bytes -= call->length;
	(void)pthread_mutex_unlock(&cache->lock);
	if (call->done != NULL)
		call->done(call->context, reply);
	redisFreeCommand(call->command);
	free(call);
}

struct cache_word cache_word(const char *text)
{
	return (struct cache_word){ .data = text, .length = strlen(text) };
}

// The call with its command, or NULL without memory.
static struct cache_call *new_call(const struct cache_word *words, size_t count, cache_done *done, void *context)
{
	const char *data[MOST_WORDS];
	size_t lengths[MOST_WORDS];
	for (size_t i = 0; i < count; i++) {
		data[i] = words[i].data;
		lengths[i] = words[i].length;
	}
	struct cache_call *call = calloc(1, sizeof *call);
	if (call == NULL)
		return NULL;
	int length = redisFormatCommandArgv(&call->command, (int)count, data, lengths);
	if (length < 0) {
		free(call);
		return NULL;
	}
	call->length = (size_t)length;
	call->done = done;
	call->context = context;
	call->sent_at_us = clock_monotonic_us();
	return call;
}

static enum rc enqueue(struct cache *cache, struct cache_call *call)
{
	enum rc rc = RC_OK;
	(void)pthread_mutex_lock(&cache->lock);
	if (!cache->is_up) {
		rc = RC_UNAVAILABLE;
	} else if (cache->count >= CACHE_CALLS || cache->bytes + call->length > CACHE_BYTES) {
		rc = RC_BUSY;
	} else {
		cache_calls_push(&cache->waiting, call);
		cache->count++;
		cache->bytes += call->length;
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return rc;
}

void cache_call(struct cache *cache, const struct cache_word *words, size_t count, cache_done *done, void *context)
{
	struct cache_reply reply = { .rc = RC_UNAVAILABLE };
	if (cache != NULL && count >= 1 && count <= MOST_WORDS && cache_is_up(cache)) {
		struct cache_call *call = new_call(words, count, done, context);
		reply.rc = call == NULL ? RC_NO_MEMORY : enqueue(cache, call);
		if (reply.rc == RC_OK) {
			wake(cache);
			return;
		}
		if (call != NULL)
			redisFreeCommand(call->command);
		free(call);
	}
	if (cache != NULL)
		metric_add(cache->skipped, 1);
	if (done != NULL)
		done(context, &reply);
}

void cache_get(struct cache *cache, const char *key, cache_done *done, void *context)
{
	const struct cache_word words[] = { cache_word("GET"), cache_word(key) };
	cache_call(cache, words, 2, done, context);
}

void cache_put(struct cache *cache, const char *key, const void *data, size_t length, int64_t life_ms)
{
	char life[24];
	(void)snprintf(life, sizeof life, "%lld", (long long)life_ms);
	const struct cache_word words[] = {
		cache_word("SET"), cache_word(key), { data, length }, cache_word("PX"), cache_word(life)
	};
	cache_call(cache, words, 5, NULL, NULL);
}
