// A request's way through the event thread.
//
// libmicrohttpd calls once with the head, then with each piece of the body, then once at its end, and again after a
// resume. A response queued in the first call makes it close the connection afterwards (it takes the client for one
// whose body it refused), so problems found in the head are kept and queued at the end, after the body was read and
// thrown away, unless closing is what we want.
#include "http/access.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/work_pool.h"
#include "http/connection.h"
#include "http/cors.h"
#include "http/feed_priv.h"
#include "http/head.h"
#include "http/idempotency_priv.h"
#include "http/request_priv.h"
#include "http/respond.h"
#include "http/router.h"
#include "http/server_gate.h"
#include "http/server_priv.h"
#include "http/stream_priv.h"
#include "http/telemetry.h"

// The longest body that is read just to be thrown away, so that the client gets to read our answer.
#define ACCESS_DRAIN_BYTES (4 * LIMIT_REQUEST_BODY_BYTES)

static enum MHD_Result queue_answer(struct http_request *request)
{
	(void)pthread_mutex_lock(&request->lock);
	assert(request->state == REQUEST_ANSWERED);
	struct MHD_Response *response = request->response;
	request->response = NULL;
	request->state = REQUEST_QUEUED;
	(void)pthread_mutex_unlock(&request->lock);
	if (response == NULL)
		return MHD_NO; // no memory: closes the connection
	request->answered_us = clock_monotonic_us();
	if (request->feed != NULL)
		feed_attach(request->feed, request->connection);
	if (request->closes || atomic_load(&request->server->closing) || connections_are_many(request->server))
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	enum MHD_Result result = MHD_queue_response(request->mhd, request->status, response);
	MHD_destroy_response(response);
	return result;
}

// ---- the handler --------------------------------------------------------------------------------------------------

static void answer_forgotten(struct http_request *request)
{
	http_respond_rc(request, &(struct err){ RC_INTERNAL, "the handler returned without an answer" });
}

static void run_on_worker(void *argument)
{
	struct http_request *request = argument;
	if (http_request_is_over(request)) {
		request_abandon(request); // it waited past its deadline
		return;
	}
	request_hold(request);
	if (!idempotency_applies(request) || idempotency_claim(request))
		request->route->handle(request);
	if (!request->handed_on && request_is_owed(request))
		answer_forgotten(request);
	request_release(request);
}

static bool refuse_while_stopping(struct http_request *request)
{
	if (!atomic_load(&request->server->stopping))
		return false;
	http_respond_retry_after(request, 1);
	http_respond_problem(request, 503, "shutting-down", "This server is being stopped. Try again.");
	return true;
}

static void set_running(struct http_request *request)
{
	(void)pthread_mutex_lock(&request->lock);
	request->state = REQUEST_RUNNING;
	(void)pthread_mutex_unlock(&request->lock);
}

// Run the handler, here or on a worker. False when the request is somebody else's now.
static bool dispatch(struct http_request *request)
{
	request->begun_us = clock_monotonic_us();
	connection_begin_answer(request->connection, request);
	set_running(request); // before looking whether we are stopping: http_server_drain() looks the other way round
	if (refuse_while_stopping(request))
		return true;
	if (request->route->run == ROUTE_EVENT && !idempotency_applies(request)) {
		request->route->handle(request);
		if (request->was_suspended)
			return false;
		if (request_state_now(request) == REQUEST_RUNNING)
			answer_forgotten(request);
		return true;
	}
	struct work_pool *workers = request->server->workers;
	http_request_defer(request);
	if (work_pool_submit(workers, run_on_worker, request) != RC_OK) {
		http_respond_retry_after(request, 1);
		http_respond_problem(request, 503, "overloaded", "Too much is going on. Try again shortly.");
	}
	return false;
}

// ---- the head -----------------------------------------------------------------------------------------------------

static void answer_methods(struct http_request *request)
{
	struct buffer allow;
	buffer_init(&allow, 512);
	router_append_allow(request->server->router, request, &allow);
	if (strcmp(request->method, "OPTIONS") == 0) {
		cors_answer_options(request, buffer_text(&allow));
	} else {
		http_respond_header(request, "Allow", buffer_text(&allow));
		http_respond_problem(request, 405, "method-not-allowed", "This path knows %s.", buffer_text(&allow));
	}
	buffer_done(&allow);
}

static bool find_route(struct http_request *request)
{
	enum router_result result = router_match(request->server->router, request);
	if (result == ROUTER_NO_PATH)
		http_respond_problem(request, 404, "no-such-path", "There is nothing at this path.");
	else if (result == ROUTER_NO_METHOD || cors_is_preflight(request))
		answer_methods(request);
	else
		return true;
	return false;
}

static void refuse_credentials(struct http_request *request, bool were_given)
{
	http_respond_header(request, "WWW-Authenticate", were_given ? "Bearer error=\"invalid_token\"" : "Bearer");
	http_respond_problem(request, 401, were_given ? "invalid-token" : "authentication-required",
	                     were_given ? "The access token is not valid, or no longer. Sign in or refresh it."
	                                : "Send an access token: Authorization: Bearer …");
}

static bool check_credentials(struct http_request *request)
{
	const struct http_server_config *config = &request->server->config;
	enum route_auth auth = request->route->auth;
	if (auth == ROUTE_PUBLIC)
		return true;
	bool present = false;
	struct err err = { .rc = RC_OK };
	enum rc rc = config->authenticate(config->authenticate_context, request, &present, &request->principal, &err);
	if (rc != RC_OK && rc != RC_DENIED) {
		http_respond_rc(request, &err);
		return false;
	}
	if (rc == RC_DENIED || (!present && auth != ROUTE_OPTIONAL)) {
		refuse_credentials(request, rc == RC_DENIED);
		return false;
	}
	request->has_principal = present;
	if (auth == ROUTE_ADMIN && !request->principal.is_admin) {
		http_respond_problem(request, 403, "forbidden", "This is for administrators.");
		return false;
	}
	return true;
}

static bool check_body_length(struct http_request *request)
{
	const char *length_text = http_request_header(request, "Content-Length");
	bool chunked = http_request_header(request, "Transfer-Encoding") != NULL;
	size_t limit = request->route->body_limit;
	// Digits only (head.c), and libmicrohttpd has refused what does not fit 64 bits.
	unsigned long long length = length_text == NULL ? 0 : strtoull(length_text, NULL, 10);
	request->body.limit = limit;
	if (limit == 0 && (length > 0 || chunked)) {
		http_respond_problem(request, 400, "unexpected-body", "This call takes no body.");
		return false;
	}
	if (length > limit) {
		http_respond_problem(request, 413, "body-too-large", "The body may have at most %zu bytes.", limit);
		return false;
	}
	return true;
}

static bool admit(struct http_request *request)
{
	const struct http_server_config *config = &request->server->config;
	return config->admit == NULL || config->admit(config->context, request);
}

// True when the client is not to send its body any more: it waits for our word, or the body is too long to read in
// vain, or what it sends cannot be trusted to be framed as we think.
static bool must_close_early(const struct http_request *request)
{
	const char *length = http_request_header(request, "Content-Length");
	return request->closes || http_request_header(request, "Expect") != NULL ||
	       (length != NULL && strtoull(length, NULL, 10) > ACCESS_DRAIN_BYTES);
}

// An answer is there before the body was read.
static enum MHD_Result answer_at_head(struct http_request *request)
{
	if (!must_close_early(request))
		return MHD_YES;
	request->closes = true;
	return queue_answer(request);
}

// Run a streamed body's handler; called again when it was deferred and the connection was resumed: libmicrohttpd does
// not go on to the body, nor send a 100, while the first call has left the connection suspended.
static enum MHD_Result handle_head(struct http_request *request)
{
	enum request_state state = request_state_now(request);
	if (state == REQUEST_READING) {
		if (!dispatch(request))
			return MHD_YES;
		state = request_state_now(request);
	}
	request->at_head = false;
	return state == REQUEST_ANSWERED ? answer_at_head(request) : MHD_YES;
}

static enum MHD_Result begin(struct http_server *server, struct MHD_Connection *mhd, const char *target,
                             const char *method, const char *version, void **request_context)
{
	struct http_connection *connection = connection_of(mhd);
	struct http_request *request = connection == NULL ? NULL : request_new();
	if (request == NULL)
		return MHD_NO;
	*request_context = request;
	request->server = server;
	request->connection = connection;
	request->context = server->config.context;
	request->gate = server_gate_hold(server->gate);
	request->mhd = mhd;
	request->started_us = clock_monotonic_us();
	request->deadline = (struct deadline){ request->started_us + server->config.request_ms * 1000 };
	telemetry_begin(server->telemetry);
	connection_begin_request(connection, request);
	bool good = head_read(request, mhd, target, method, version, connection->peer, connection->peer_is_trusted);
	if (good) {
		cors_examine(server->cors, request);
		good = find_route(request) && check_credentials(request) && admit(request) &&
		       check_body_length(request);
	}
	if (!good)
		return answer_at_head(request);
	request->at_head = request->route->body == ROUTE_STREAMED;
	return request->at_head ? handle_head(request) : MHD_YES;
}

// ---- the body -----------------------------------------------------------------------------------------------------

static enum MHD_Result drop(struct http_request *request, size_t size)
{
	request->body_drained += size;
	return request->body_drained > ACCESS_DRAIN_BYTES ? MHD_NO : MHD_YES;
}

static enum MHD_Result keep(struct http_request *request, const char *data, size_t size)
{
	buffer_append(&request->body, data, size);
	if (buffer_ok(&request->body))
		return MHD_YES;
	buffer_done(&request->body);
	http_respond_problem(request, 413, "body-too-large", "The body may have at most %zu bytes.",
	                     request->route->body_limit);
	return MHD_YES;
}

static enum MHD_Result take_body(struct http_request *request, const char *data, size_t *size)
{
	enum request_state state = request_state_now(request);
	enum stream_taken taken = STREAM_TAKEN;
	enum MHD_Result result = MHD_YES;
	if (state == REQUEST_READING)
		result = keep(request, data, *size);
	else if (state == REQUEST_ANSWERED)
		result = drop(request, *size);
	else
		taken = stream_take(request, data, *size);
	if (taken == STREAM_WAITS)
		return MHD_YES;
	request->body_seen += *size;
	*size = 0;
	return taken == STREAM_REFUSED ? MHD_NO : result;
}

// ---- the answer ---------------------------------------------------------------------------------------------------

// The body is whole, or there was none.
static enum MHD_Result finish(struct http_request *request)
{
	enum request_state state = request_state_now(request);
	if (state == REQUEST_READING && !dispatch(request))
		return MHD_YES;
	if (state == REQUEST_STREAMING) {
		if (!stream_end(request))
			return MHD_YES;
		if (request_state_now(request) == REQUEST_RUNNING && !refuse_while_stopping(request))
			answer_forgotten(request);
	}
	return queue_answer(request);
}

enum MHD_Result access_handle(void *context, struct MHD_Connection *mhd, const char *target, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request_context)
{
	struct http_request *request = *request_context;
	if (request == NULL)
		return begin(context, mhd, target, method, version, request_context);
	if (*upload_size > 0)
		return take_body(request, upload, upload_size);
	if (request->at_head)
		return handle_head(request);
	return finish(request);
}

void access_completed(void *context, struct MHD_Connection *mhd, void **request_context,
                      enum MHD_RequestTerminationCode code)
{
	struct http_server *server = context;
	struct http_request *request = *request_context;
	(void)mhd;
	if (request == NULL)
		return;
	*request_context = NULL;
	(void)pthread_mutex_lock(&request->lock);
	bool unread = request->state == REQUEST_READING; // so the handler has not run, and never will
	bool lost = request->state == REQUEST_STREAMING;
	// A feed's client leaves when it likes.
	bool sent = request->state == REQUEST_QUEUED &&
	            (code == MHD_REQUEST_TERMINATED_COMPLETED_OK || request->feed != NULL);
	request->state = REQUEST_DONE;
	(void)pthread_mutex_unlock(&request->lock);
	connection_end_request(request->connection);
	telemetry_end(server->telemetry, request, sent ? request->status : 0);
	if (lost)
		stream_lose(request);
	if (unread || lost)
		request_abandon(request);
	request_release(request);
}
