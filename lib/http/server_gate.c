// The way from a request to its server, by a mutex and a count.
#include "http/server_gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct server_gate {
	_Atomic unsigned references;
	pthread_mutex_t lock; // guards server
	struct http_server *server;
};

struct server_gate *server_gate_new(struct http_server *server)
{
	struct server_gate *gate = malloc(sizeof *gate);
	if (gate == NULL)
		return NULL;
	atomic_init(&gate->references, 1);
	(void)pthread_mutex_init(&gate->lock, NULL);
	gate->server = server;
	return gate;
}

struct server_gate *server_gate_hold(struct server_gate *gate)
{
	if (gate != NULL)
		atomic_fetch_add_explicit(&gate->references, 1, memory_order_relaxed);
	return gate;
}

void server_gate_release(struct server_gate *gate)
{
	if (gate == NULL || atomic_fetch_sub_explicit(&gate->references, 1, memory_order_acq_rel) != 1)
		return;
	(void)pthread_mutex_destroy(&gate->lock);
	free(gate);
}

struct http_server *server_gate_enter(struct server_gate *gate)
{
	if (gate == NULL)
		return NULL;
	(void)server_gate_hold(gate);
	(void)pthread_mutex_lock(&gate->lock);
	struct http_server *server = gate->server;
	if (server == NULL)
		server_gate_leave(gate);
	return server;
}

void server_gate_leave(struct server_gate *gate)
{
	(void)pthread_mutex_unlock(&gate->lock);
	server_gate_release(gate);
}

void server_gate_close(struct server_gate *gate)
{
	if (gate == NULL)
		return;
	(void)pthread_mutex_lock(&gate->lock);
	gate->server = NULL;
	(void)pthread_mutex_unlock(&gate->lock);
}
