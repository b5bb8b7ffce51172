// The ring behind notable.h; for lib/http alone.
#pragma once

#include <pthread.h>

#include "http/notable.h"

struct notable_ring {
	pthread_mutex_t lock;
	size_t next;
	size_t count;
	struct http_notable kept[HTTP_NOTABLES];
};

void notable_ring_init(struct notable_ring *ring);
void notable_ring_done(struct notable_ring *ring);

// Keep a copy in the oldest one's place. Any thread.
void notable_ring_add(struct notable_ring *ring, const struct http_notable *notable);
