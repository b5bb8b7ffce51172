// What the files of lib/cache share: the calls that wait, and the link that carries them.
#pragma once

#include <pthread.h>

#include "base/crypto.h"
#include "base/metrics.h"
#include "base/secret_box.h"
#include "cache/cache.h"

struct redisContext;

struct cache_call {
	struct cache_call *next;
	cache_done *done;
	void *context;
	char *command; // as it is sent; malloc'ed by hiredis
	size_t length;
	int64_t sent_at_us; // when it was called, on the monotonic clock
};

struct cache_calls {
	struct cache_call *first;
	struct cache_call *last;
};

// Where Redis is.
struct cache_address {
	char host[256]; // or the socket's path
	int port;       // 0: a socket's path
	int database;
};

struct cache {
	char name[32];
	struct hmac_key root;      // [redis] key
	struct hmac_key name_key;  // of copies
	struct secret_box_key box; // of copies
	struct cache_address address;
	char *user;
	char *password;
	int64_t timeout_ms;
	pthread_t thread;
	bool is_ended; // the thread, by cache_stop
	int wake_fd;
	struct metric *up;
	struct metric *ok;
	struct metric *failed;
	struct metric *skipped;
	struct metric *seconds;

	pthread_mutex_t lock;
	// Under the lock:
	bool is_up;
	bool is_stopping;
	struct cache_calls waiting; // to be sent
	size_t count;               // calls waiting or sent
	size_t bytes;               // of their commands

	// The thread's own:
	struct redisContext *link;
	struct cache_calls sent; // in the order in which replies come
};

// A key for one purpose, of this service.
void cache_derive(const struct cache *cache, const char *purpose, uint8_t ret_key[SHA256_SIZE]);

enum rc cache_address_parse(const char *url, struct cache_address *ret_address, struct err *err) MUST_CHECK;

void cache_calls_push(struct cache_calls *calls, struct cache_call *call);
// NULL when there is none.
struct cache_call *cache_calls_pop(struct cache_calls *calls);
// Tells its caller, and frees it.
void cache_call_end(struct cache *cache, struct cache_call *call, const struct cache_reply *reply);

// The thread: connects, sends, hands out replies, until is_stopping.
void *cache_link_run(void *cache);
// Connect and say who we are, within a second. False: not now. By the thread.
bool cache_link_connect(struct cache *cache);
// Wait until the link is ready for one of the events (of poll(2)), the cache is woken, or timeout_ms is over. Returns
// the link's events.
short cache_link_wait(struct cache *cache, short events, int64_t timeout_ms);
