// The request's fields and its ownership protocol; for lib/http alone.
//
// Two parties share a request. The event thread (through libmicrohttpd) holds one reference until libmicrohttpd is done
// with it; the duty to answer holds another until one http_respond_* call discharges it. The reaper answers a deferred
// request whose deadline has passed in the handler's stead; the duty stays, and the late answer is dropped.
//
//   READING ──▶ RUNNING ──▶ ANSWERED ──▶ QUEUED ──▶ DONE
//      │           └▶ DEFERRED ──▲                    ▲
//      ├─ early problem ─────────┘                    │
//      └─ client gone ────────────────────────────────┘
//
// A streamed body (stream.h) goes in circles: RUNNING or DEFERRED ──▶ STREAMING, and for each piece and at the end back
// to RUNNING; STREAMING ──▶ DONE when the client has gone.
//
// Only the step out of DEFERRED may be made by any thread; it is made once, under the lock, and whoever makes it
// resumes the connection. A suspended connection cannot go away, so the step to DONE never races with it.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "http/request.h"

struct MHD_Connection;
struct MHD_Response;
struct http_connection;
struct http_feed;
struct http_server;
struct respond_held;
struct server_gate;
struct http_sink;
struct json_t;

#define HTTP_MAX_HEADERS 100
#define HTTP_MAX_QUERY 64
#define HTTP_MAX_PARAMETERS 8
#define HTTP_REQUEST_ID_SIZE 65
#define HTTP_TRACEPARENT_SIZE 56

// In order: an answer is taken in those before ANSWERED only.
enum request_state {
	REQUEST_READING,   // event thread: the head was seen, the body is coming
	REQUEST_RUNNING,   // event thread: in the handler
	REQUEST_DEFERRED,  // suspended: whoever has it answers, or the reaper does
	REQUEST_STREAMING, // event thread: pieces of the body are coming, for the sink
	REQUEST_ANSWERED,  // the response is stored; the event thread will queue it
	REQUEST_QUEUED,    // libmicrohttpd is sending it
	REQUEST_DONE,      // libmicrohttpd has finished with it: mhd, connection and server are out of bounds
};

enum request_answerer { ANSWER_BY_HANDLER, ANSWER_BY_REAPER };

struct http_pair {
	const char *name;
	const char *value;
};

struct http_pairs {
	struct http_pair *items;
	size_t count;
};

// A header of the coming answer.
struct http_answer_header {
	struct http_answer_header *next;
	const char *name;
	const char *value;
};

struct http_request {
	_Atomic unsigned references;

	// Made before the handler runs, then only read: by any holder, also after DONE.
	struct arena *arena;
	void *context;
	struct server_gate *gate;  // to the server, for whoever answers; NULL before the head was read
	const struct route *route; // NULL when no route fits
	const char *method;
	const char *path;
	const char *client;
	const char *allow_origin; // the caller's origin when CORS allows it
	bool varies_by_origin;    // CORS is configured
	char id[HTTP_REQUEST_ID_SIZE];
	char traceparent[HTTP_TRACEPARENT_SIZE];
	struct http_pairs headers;
	struct http_pairs query;
	struct http_pairs parameters;
	struct buffer body;
	struct json_t *json; // the body as body_open() parsed it; NULL before
	bool has_principal;
	struct http_principal principal;
	struct deadline deadline;

	// Whoever has the duty to answer.
	struct http_answer_header *answer_headers;
	struct respond_held *held;       // an answer that is kept back; NULL: none
	bool handed_on;                  // deferred again from a worker
	struct idempotency *idempotency; // what was claimed and is still to be settled; NULL: nothing

	// The event thread only, until DONE.
	struct http_server *server;
	struct http_connection *connection;
	struct MHD_Connection *mhd; // also used, once, by whoever leaves DEFERRED
	size_t route_index;         // for telemetry
	int64_t started_us;         // the head was read
	int64_t begun_us;           // the handler was begun; 0: answered without one
	int64_t answered_us;        // the answer was queued; 0: it never was
	size_t body_seen;           // bytes of the body so far, those that were thrown away included
	size_t body_drained;        // those of them that were thrown away
	bool at_head;               // the body is not read before the handler has run
	bool closes;                // close the connection after the answer, without reading on
	bool was_suspended;
	const struct http_sink *sink; // of a streamed body; set under the lock, as the next three
	void *sink_state;
	int64_t window_ends_us; // the client is cut off then, unless window_bytes have come to what they must
	int64_t window_bytes;
	struct http_feed *feed; // the answer is one; not to be looked into after QUEUED

	pthread_mutex_t lock; // guards what follows; the state may be read without it
	_Atomic enum request_state state;
	bool owed; // the duty to answer is not discharged
	bool timed_out;
	unsigned status;
	struct MHD_Response *response;
};

// A request in READING with two references: libmicrohttpd's and the duty's. NULL without memory.
struct http_request *request_new(void);
void request_hold(struct http_request *request);
void request_release(struct http_request *request);

// Store the response (NULL: none could be made, the connection will be closed) and resume a deferred request; or drop
// it when the request was answered already. By the handler's side: discharges the duty, so the request may be gone
// afterwards. By the reaper: only a deferred request is answered.
void request_deliver(struct http_request *request, struct MHD_Response *response, unsigned status,
                     enum request_answerer by);

// Discharge the duty without an answer: the request is over, or the client has gone.
void request_abandon(struct http_request *request);

// True while nobody has discharged the duty.
bool request_is_owed(struct http_request *request);

enum request_state request_state_now(struct http_request *request);

// The value of the n-th header of that name (from 0) and how many there are.
const char *request_header_at(const struct http_request *request, const char *name, size_t n);
size_t request_header_count(const struct http_request *request, const char *name);

// A header for the answer, from inside the library (names and values known to be clean).
void request_add_answer_header(struct http_request *request, const char *name, const char *value);
