// The pool of libcurl handles, and single exchanges.
#include "store/transport.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "store/transport_easy.h"

#define KEEP_MAX 256

// Last in, first out: the warmest connection is used next, the others grow old and are closed.
struct pile {
	void *items[KEEP_MAX];
	unsigned count;
};

struct transport {
	pthread_mutex_t lock;
	unsigned keep;
	struct pile handles;
	struct pile multis;
};

struct transport *transport_new(unsigned keep)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	struct transport *transport = calloc(1, sizeof *transport);
	if (transport == NULL) {
		curl_global_cleanup();
		return NULL;
	}
	(void)pthread_mutex_init(&transport->lock, NULL);
	transport->keep = keep > KEEP_MAX ? KEEP_MAX : keep;
	return transport;
}

void transport_free(struct transport *transport)
{
	if (transport == NULL)
		return;
	while (transport->handles.count > 0)
		curl_easy_cleanup(transport->handles.items[--transport->handles.count]);
	while (transport->multis.count > 0)
		(void)curl_multi_cleanup(transport->multis.items[--transport->multis.count]);
	(void)pthread_mutex_destroy(&transport->lock);
	free(transport);
	curl_global_cleanup();
}

static void *take(struct transport *transport, struct pile *pile)
{
	(void)pthread_mutex_lock(&transport->lock);
	void *item = pile->count > 0 ? pile->items[--pile->count] : NULL;
	(void)pthread_mutex_unlock(&transport->lock);
	return item;
}

static bool give(struct transport *transport, struct pile *pile, void *item)
{
	(void)pthread_mutex_lock(&transport->lock);
	bool kept = pile->count < transport->keep;
	if (kept)
		pile->items[pile->count++] = item;
	(void)pthread_mutex_unlock(&transport->lock);
	return kept;
}

CURL *transport_take(struct transport *transport)
{
	CURL *handle = take(transport, &transport->handles);
	return handle != NULL ? handle : curl_easy_init();
}

void transport_give(struct transport *transport, CURL *handle)
{
	if (handle == NULL)
		return;
	curl_easy_reset(handle); // keeps its connections
	if (!give(transport, &transport->handles, handle))
		curl_easy_cleanup(handle);
}

CURLM *transport_take_multi(struct transport *transport)
{
	CURLM *multi = take(transport, &transport->multis);
	return multi != NULL ? multi : curl_multi_init();
}

void transport_give_multi(struct transport *transport, CURLM *multi)
{
	if (multi != NULL && !give(transport, &transport->multis, multi))
		(void)curl_multi_cleanup(multi);
}

void transport_exchange_done(struct transport_exchange *exchange)
{
	buffer_done(&exchange->answer);
	curl_slist_free_all(exchange->list);
	exchange->list = NULL;
}

enum transport_end transport_run(struct transport *transport, struct transport_exchange *exchange, struct err *err)
{
	CURL *handle = transport_take(transport);
	if (handle == NULL) {
		(void)err_set(err, RC_NO_MEMORY, "no memory for a connection to the store");
		return TRANSPORT_UNSENT;
	}
	enum transport_end end = TRANSPORT_UNSENT;
	if (transport_prepare(handle, exchange, err) == RC_OK)
		end = transport_conclude(handle, curl_easy_perform(handle), exchange, err);
	transport_give(transport, handle);
	return end;
}
