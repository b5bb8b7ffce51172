// The thread that keeps the link to Redis: it sends calls as they come and hands out replies in their order.
#include <hiredis/hiredis.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/retry.h"
#include "cache/cache_private.h"

static const struct retry_policy RECONNECT = { .base_ms = 100, .cap_ms = 5000 };

static bool is_stopping(struct cache *cache)
{
	(void)pthread_mutex_lock(&cache->lock);
	bool stopping = cache->is_stopping;
	(void)pthread_mutex_unlock(&cache->lock);
	return stopping;
}

short cache_link_wait(struct cache *cache, short events, int64_t timeout_ms)
{
	struct pollfd files[2] = { { .fd = cache->wake_fd, .events = POLLIN },
		                   { .fd = cache->link == NULL ? -1 : cache->link->fd, .events = events } };
	uint64_t wakes;
	if (poll(files, 2, (int)timeout_ms) > 0 && (files[0].revents & POLLIN) != 0) {
		ssize_t taken = read(cache->wake_fd, &wakes, sizeof wakes);
		(void)taken;
	}
	return files[1].revents;
}

static void set_up(struct cache *cache, bool is_up)
{
	metric_set(cache->up, is_up);
	(void)pthread_mutex_lock(&cache->lock);
	cache->is_up = is_up;
	(void)pthread_mutex_unlock(&cache->lock);
}

// Whatever is under way fails; from here on calls fail at once.
static void break_off(struct cache *cache)
{
	struct cache_calls waiting;
	set_up(cache, false);
	(void)pthread_mutex_lock(&cache->lock);
	waiting = cache->waiting;
	cache->waiting = (struct cache_calls){ 0 };
	(void)pthread_mutex_unlock(&cache->lock);
	if (cache->link != NULL)
		redisFree(cache->link);
	cache->link = NULL;
	for (struct cache_call *call; (call = cache_calls_pop(&cache->sent)) != NULL;)
		cache_call_end(cache, call, &(struct cache_reply){ .rc = RC_UNKNOWN });
	for (struct cache_call *call; (call = cache_calls_pop(&waiting)) != NULL;)
		cache_call_end(cache, call, &(struct cache_reply){ .rc = RC_UNAVAILABLE });
}

// Everything that waits goes into the link's buffer. False: it does not take it.
static bool send_waiting(struct cache *cache)
{
	struct cache_calls waiting;
	(void)pthread_mutex_lock(&cache->lock);
	waiting = cache->waiting;
	cache->waiting = (struct cache_calls){ 0 };
	(void)pthread_mutex_unlock(&cache->lock);
	bool taken = true;
	for (struct cache_call *call; (call = cache_calls_pop(&waiting)) != NULL;) {
		cache_calls_push(&cache->sent, call);
		taken &= redisAppendFormattedCommand(cache->link, call->command, call->length) == REDIS_OK;
	}
	return taken;
}

static struct cache_reply read_reply(const redisReply *reply)
{
	switch (reply->type) {
	case REDIS_REPLY_INTEGER:
		return (struct cache_reply){ .integer = reply->integer };
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
		return (struct cache_reply){ .data = reply->str, .length = reply->len };
	case REDIS_REPLY_NIL:
		return (struct cache_reply){ .rc = RC_NOT_FOUND };
	default:
		return (struct cache_reply){ .rc = RC_INVALID };
	}
}

// False: the other side does not speak Redis, or says what nobody asked for.
static bool hand_out_replies(struct cache *cache)
{
	for (;;) {
		void *received = NULL;
		if (redisGetReplyFromReader(cache->link, &received) != REDIS_OK)
			return false;
		if (received == NULL)
			return cache->link->reader->len <= CACHE_REPLY_BYTES;
		const struct cache_reply reply = read_reply(received);
		struct cache_call *call = cache_calls_pop(&cache->sent);
		if (call != NULL)
			cache_call_end(cache, call, &reply);
		freeReplyObject(received);
		if (call == NULL)
			return false;
	}
}

static int64_t milliseconds_left(const struct cache *cache)
{
	if (cache->sent.first == NULL)
		return 60000;
	int64_t left_us = cache->sent.first->sent_at_us + cache->timeout_ms * 1000 - clock_monotonic_us();
	return left_us <= 0 ? 0 : (left_us + 999) / 1000;
}

// Until the link breaks, a reply is late, or we stop.
static void serve(struct cache *cache)
{
	while (!is_stopping(cache)) {
		int all_written = 1;
		if (!send_waiting(cache) || redisBufferWrite(cache->link, &all_written) != REDIS_OK)
			return;
		short ready =
		        cache_link_wait(cache, (short)(POLLIN | (all_written ? 0 : POLLOUT)), milliseconds_left(cache));
		// What has come is taken before anything is called late.
		if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0 &&
		    (redisBufferRead(cache->link) != REDIS_OK || !hand_out_replies(cache)))
			return;
		if (cache->sent.first != NULL && milliseconds_left(cache) == 0)
			return;
	}
}

void *cache_link_run(void *argument)
{
	struct cache *cache = argument;
	unsigned failures = 0;
	while (!is_stopping(cache)) {
		if (cache_link_connect(cache)) {
			failures = 0;
			set_up(cache, true);
			serve(cache);
		}
		break_off(cache);
		struct deadline pause = deadline_after_ms(retry_delay_ms(&RECONNECT, ++failures));
		while (!is_stopping(cache) && !deadline_passed(pause))
			(void)cache_link_wait(cache, 0, deadline_left_ms(pause));
	}
	return NULL;
}
