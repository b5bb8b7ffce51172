// The HTTP server on libmicrohttpd: event threads that never wait, a work pool for handlers that do, a reaper that
// holds every request to an absolute deadline.
//
// Built in besides the routes given: GET /healthz (the process lives), GET /readyz (its dependencies answer), GET
// /metrics (Prometheus). Those are for operators: the edge must not pass them on.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "http/request.h"
#include "http/route.h"

struct http_server;
struct http_ready;
struct metrics;
struct trace_exporter;

// Find out who calls, on the event thread, without blocking. RC_OK: *ret_present tells whether there were credentials
// and *ret_principal who. RC_DENIED: answered 401. Others: answered by http_respond_rc.
typedef enum rc http_authenticate(void *context, const struct http_request *request, bool *ret_present,
                                  struct http_principal *ret_principal, struct err *err);

// Asked after authentication, before the body is read, on the event thread, without blocking (rate limits, quotas of
// calls). False: it has answered, by http_respond_problem().
typedef bool http_admit(void *context, struct http_request *request);

// Ask every dependency, on a worker, within the deadline; report each by http_ready_add.
typedef void http_check_ready(void *context, struct http_ready *ready, struct deadline deadline);

// name and detail are copied; detail may be NULL and must be fit for strangers. /readyz is 503 when any is not ok.
void http_ready_add(struct http_ready *ready, const char *name, bool ok, const char *detail);

struct idempotency_store;

// Asked on whatever thread answers when a write (POST, PUT, PATCH, DELETE) was answered 2xx, before the answer leaves.
// True: it is held, and http_respond_release() will be called once, from any thread, soon. Must not block.
typedef bool http_hold(void *context, struct http_request *request);

struct http_server_config {
	const char *name;   // "ingest": names threads
	const char *listen; // "address:port", "[::1]:port"; port 0: any (http_server_port tells)
	unsigned event_threads;
	unsigned workers;        // threads for ROUTE_WORKER
	size_t queue;            // requests that may wait for one; beyond it 503
	unsigned connections;    // open connections; beyond it new ones are closed at once
	size_t connection_bytes; // memory of each with libmicrohttpd, which reads up to half of it at once; 0: 48 KiB,
	                         // the least. A connection that is kept has all of it
	unsigned kept_connections; // while more are open, each is closed after its answer; 0: all are kept
	int64_t request_ms; // from the end of a request's head to its answer; 503 then, or cut while the body is coming
	int64_t header_ms;  // from connecting to the end of the first headers; 0: 10000
	int64_t idle_ms;    // a kept-alive connection's wait for, and headers of, the next request; 0: 75000
	int64_t body_rate;  // bytes a second that a streamed body must bring, over each request_ms; 0: 1024
	const char *cors_origins; // comma-separated; NULL or "": none
	const struct route *const *routes;
	size_t route_count;
	void *context;                   // http_request_context() of every handler, given to the callbacks below too
	http_authenticate *authenticate; // NULL: only ROUTE_PUBLIC routes are allowed
	void *authenticate_context;      // given to authenticate instead of context
	http_admit *admit;               // NULL: all are admitted
	const struct idempotency_store
	        *idempotency;          // for POSTs with an Idempotency-Key; NULL: the header counts for nothing
	http_hold *hold;               // NULL: answers leave at once
	http_check_ready *check_ready; // NULL: always ready
	struct metrics *metrics;       // NULL: none, and /metrics is empty
	struct trace_exporter *trace;  // NULL: no spans; must outlive the server
};

// Bind, listen, start threads; raises the soft limit of descriptors as needed. The config's strings and routes must
// live as long as the server. RC_INVALID for a bad address or route table, RC_EXISTS when the address is in use,
// RC_DENIED when it may not be bound.
enum rc http_server_start(const struct http_server_config *config, struct http_server **ret_server,
                          struct err *err) MUST_CHECK;

// The bound port.
uint16_t http_server_port(const struct http_server *server);

// The work pool of ROUTE_WORKER handlers, for deferred requests that need a thread after all.
struct work_pool *http_server_workers(struct http_server *server);

// /readyz answers 503 from now on, so that balancers turn away; everything else goes on. Any thread.
void http_server_set_leaving(struct http_server *server);

// Stop accepting, let requests in hand finish for at most drain_ms, answer what is still deferred with 503, close all,
// stop the threads, free. Handlers that still hold a request may answer it later (dropped), but the context must
// outlive them. Accepts NULL. Not from an event thread or a worker.
void http_server_drain(struct http_server *server, int64_t drain_ms);
