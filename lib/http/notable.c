// A ring under a lock that is taken for slow and failed requests only.
#include "http/notable.h"

#include "http/notable_ring.h"
#include "http/server_priv.h"

void notable_ring_init(struct notable_ring *ring)
{
	(void)pthread_mutex_init(&ring->lock, NULL);
}

void notable_ring_done(struct notable_ring *ring)
{
	(void)pthread_mutex_destroy(&ring->lock);
}

void notable_ring_add(struct notable_ring *ring, const struct http_notable *notable)
{
	(void)pthread_mutex_lock(&ring->lock);
	ring->kept[ring->next] = *notable;
	ring->next = (ring->next + 1) % HTTP_NOTABLES;
	ring->count += ring->count < HTTP_NOTABLES;
	(void)pthread_mutex_unlock(&ring->lock);
}

size_t http_server_notables(struct http_server *server, struct http_notable ret_latest[HTTP_NOTABLES])
{
	struct notable_ring *ring = &server->notables;
	(void)pthread_mutex_lock(&ring->lock);
	size_t count = ring->count;
	for (size_t i = 0; i < count; i++)
		ret_latest[i] = ring->kept[(ring->next + HTTP_NOTABLES - 1 - i) % HTTP_NOTABLES];
	(void)pthread_mutex_unlock(&ring->lock);
	return count;
}
