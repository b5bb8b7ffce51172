// A request's life: references, the duty to answer, deferring.
#include "http/request_priv.h"

#include <assert.h>
#include <jansson.h>
#include <microhttpd.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "http/server_gate.h"

struct http_request *request_new(void)
{
	struct arena *arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
	struct http_request *request = arena == NULL ? NULL : arena_alloc(arena, sizeof *request);
	if (request == NULL) {
		arena_free(arena);
		return NULL;
	}
	atomic_init(&request->references, 2);
	request->arena = arena;
	request->method = "";
	request->path = "/";
	request->client = "";
	atomic_init(&request->state, REQUEST_READING);
	request->owed = true;
	buffer_init(&request->body, 0);
	(void)pthread_mutex_init(&request->lock, NULL);
	return request;
}

void request_hold(struct http_request *request)
{
	atomic_fetch_add_explicit(&request->references, 1, memory_order_relaxed);
}

void request_release(struct http_request *request)
{
	if (atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) != 1)
		return;
	if (request->response != NULL)
		MHD_destroy_response(request->response);
	server_gate_release(request->gate);
	buffer_done(&request->body);
	json_decref(request->json);
	(void)pthread_mutex_destroy(&request->lock);
	arena_free(request->arena); // holds the request itself
}

void request_deliver(struct http_request *request, struct MHD_Response *response, unsigned status,
                     enum request_answerer by)
{
	(void)pthread_mutex_lock(&request->lock);
	if (by == ANSWER_BY_HANDLER) {
		assert(request->owed); // answered twice
		request->owed = false;
	}
	bool taken = by == ANSWER_BY_REAPER ? request->state == REQUEST_DEFERRED : request->state < REQUEST_ANSWERED;
	bool resume = taken && request->state == REQUEST_DEFERRED;
	if (taken) {
		request->response = response;
		request->status = status;
		request->timed_out = by == ANSWER_BY_REAPER;
		request->state = REQUEST_ANSWERED;
	}
	(void)pthread_mutex_unlock(&request->lock);
	if (!taken && response != NULL)
		MHD_destroy_response(response);
	if (resume)
		MHD_resume_connection(request->mhd);
	if (by == ANSWER_BY_HANDLER)
		request_release(request);
}

void request_abandon(struct http_request *request)
{
	(void)pthread_mutex_lock(&request->lock);
	assert(request->owed);
	request->owed = false;
	(void)pthread_mutex_unlock(&request->lock);
	request_release(request);
}

bool request_is_owed(struct http_request *request)
{
	(void)pthread_mutex_lock(&request->lock);
	bool owed = request->owed;
	(void)pthread_mutex_unlock(&request->lock);
	return owed;
}

enum request_state request_state_now(struct http_request *request)
{
	return atomic_load_explicit(&request->state, memory_order_acquire);
}

bool http_request_is_over(struct http_request *request)
{
	return request_state_now(request) >= REQUEST_ANSWERED;
}

void http_request_defer(struct http_request *request)
{
	if (request_state_now(request) != REQUEST_RUNNING) {
		request->handed_on = true; // by a worker: the connection is suspended already
		return;
	}
	// Suspend first: once the state says DEFERRED the reaper may resume.
	request->was_suspended = true;
	MHD_suspend_connection(request->mhd);
	(void)pthread_mutex_lock(&request->lock);
	request->state = REQUEST_DEFERRED;
	(void)pthread_mutex_unlock(&request->lock);
}
