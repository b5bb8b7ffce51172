// Giving a body's pieces to whoever takes them.
#include "http/stream.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/connection.h"
#include "http/request_priv.h"
#include "http/server_priv.h"
#include "http/stream_priv.h"

// A client has until the window's end to send what a window must bring.
static void begin_window(struct http_request *request)
{
	request->window_bytes = 0;
	request->window_ends_us = clock_monotonic_us() + request->server->config.request_ms * 1000;
}

static void count_piece(struct http_request *request, size_t size)
{
	const struct http_server_config *config = &request->server->config;
	request->window_bytes += (int64_t)size;
	if (request->window_bytes >= config->body_rate * config->request_ms / 1000)
		begin_window(request);
}

bool http_stream_read(struct http_request *request, const struct http_sink *sink, void *state)
{
	(void)pthread_mutex_lock(&request->lock);
	bool was_deferred = request->state == REQUEST_DEFERRED;
	bool goes_on = was_deferred || request->state == REQUEST_RUNNING;
	if (was_deferred && !request->handed_on)
		request->handed_on = true;
	if (goes_on) {
		// While it is deferred or we are in its handler the connection cannot go away.
		request->sink = sink;
		request->sink_state = state;
		begin_window(request);
		connection_await_body(request->connection, request);
		request->state = REQUEST_STREAMING;
	}
	(void)pthread_mutex_unlock(&request->lock);
	if (!goes_on)
		request_abandon(request);
	else if (was_deferred)
		MHD_resume_connection(request->mhd);
	return goes_on;
}

void http_stream_cut(struct http_request *request)
{
	(void)pthread_mutex_lock(&request->lock);
	if (request->state == REQUEST_STREAMING)
		(void)shutdown(request->connection->descriptor, SHUT_RDWR);
	(void)pthread_mutex_unlock(&request->lock);
}

// From here until set_back() the request counts as being in a handler's hand. False while the server is being stopped:
// looked at after the state is set, as http_server_drain() looks the other way round.
static bool enter_sink(struct http_request *request)
{
	request->deadline = deadline_after_ms(request->server->config.request_ms);
	request->was_suspended = false;
	connection_begin_answer(request->connection, request);
	(void)pthread_mutex_lock(&request->lock);
	request->state = REQUEST_RUNNING;
	(void)pthread_mutex_unlock(&request->lock);
	return !atomic_load(&request->server->stopping);
}

// True when nobody has taken the request over or answered it.
static bool set_back(struct http_request *request)
{
	(void)pthread_mutex_lock(&request->lock);
	bool is_ours = request->state == REQUEST_RUNNING;
	if (is_ours)
		request->state = REQUEST_STREAMING;
	(void)pthread_mutex_unlock(&request->lock);
	return is_ours;
}

enum stream_taken stream_take(struct http_request *request, const void *data, size_t size)
{
	if (request_state_now(request) != REQUEST_STREAMING)
		return STREAM_WAITS;
	if (!enter_sink(request)) {
		(void)set_back(request);
		return STREAM_REFUSED;
	}
	request->sink->take(request, request->sink_state, data, size);
	if (!request->was_suspended && set_back(request)) {
		count_piece(request, size);
		connection_await_body(request->connection, request);
	}
	return STREAM_TAKEN;
}

bool stream_end(struct http_request *request)
{
	request->begun_us = clock_monotonic_us();
	if (enter_sink(request))
		request->sink->end(request, request->sink_state);
	else
		request->sink->lost(request, request->sink_state);
	return !request->was_suspended;
}

void stream_lose(struct http_request *request)
{
	request->sink->lost(request, request->sink_state);
}
