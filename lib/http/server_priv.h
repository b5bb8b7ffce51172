// The server's fields, shared by the files that make it up; for lib/http alone.
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "http/listener.h"
#include "http/notable_ring.h"
#include "http/server.h"

struct MHD_Daemon;
struct cors;
struct http_feed;
struct http_telemetry;
struct router;
struct server_gate;
struct work_pool;

// One client connection. Made and freed by libmicrohttpd's event threads, watched by the reaper.
struct http_connection {
	struct http_server *server;
	struct http_connection *previous, *next; // server->lock
	int descriptor;                          // valid while in the list
	_Atomic int64_t cut_at_us;               // the reaper shuts the socket down then
	_Atomic int64_t probe_at_us;             // the reaper looks then whether the client has closed; 0: never
	_Atomic int64_t answer_at_us;            // the reaper answers the deferred request then; 0: never
	pthread_mutex_t lock;                    // guards request; taken inside server->lock, outside a request's
	struct http_request *request;            // in hand; NULL between requests
	char peer[INET6_ADDRSTRLEN];
	bool peer_is_trusted; // loopback: our own edge
};

struct http_server {
	struct http_server_config config;
	const struct route **routes; // the config's and the built-in ones
	size_t route_count;
	struct router *router;
	struct cors *cors;
	struct http_telemetry *telemetry;
	struct notable_ring notables;
	struct work_pool *workers;
	struct MHD_Daemon *daemon;
	struct listener listener;
	struct server_gate *gate; // for late answers

	atomic_bool leaving;  // /readyz says no
	atomic_bool closing;  // connections are closed after their present answer
	atomic_bool stopping; // nothing new is begun

	_Atomic unsigned open_connections;
	pthread_mutex_t lock; // guards the list of connections
	struct http_connection *connections;

	pthread_mutex_t feeds_lock; // guards the list of feeds
	struct http_feed *feeds;
	size_t feed_count;

	pthread_t reaper;
	bool reaper_runs;
	pthread_mutex_t reaper_lock; // guards reaper_stops
	pthread_cond_t reaper_wake;
	bool reaper_stops;
};
