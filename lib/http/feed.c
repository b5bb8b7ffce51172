// Feeds on libmicrohttpd: a content reader that suspends its connection while nothing waits.
//
// Two parties hold a feed: whoever writes, and libmicrohttpd's response, whose destruction is the feed's end (it
// comes before the connection's, so the connection is in bounds until then). The reader suspends under the lock and
// says so; whoever clears that flag resumes, once.
#include "http/feed.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "http/connection.h"
#include "http/feed_priv.h"
#include "http/request_priv.h"
#include "http/respond_priv.h"
#include "http/server_priv.h"
#include "http/telemetry.h"

// libmicrohttpd allocates one a feed; with chunks, as for every HTTP/1.1 client, it is not used.
#define FEED_BLOCK_BYTES 512
// What the kernel may hold for a client that does not read.
#define FEED_SOCKET_BYTES (64 * 1024)

enum feed_state { FEED_OPEN, FEED_ENDING, FEED_CUT, FEED_GONE };

struct http_feed {
	_Atomic unsigned references;
	struct http_feed_options options;
	struct http_server *server;        // in bounds until GONE
	struct MHD_Connection *mhd;        // in bounds until GONE
	struct http_feed *previous, *next; // server->feeds_lock

	pthread_mutex_t lock; // guards what follows
	enum feed_state state;
	struct http_connection *connection; // NULL before the head is queued; in bounds until GONE
	struct buffer waiting;
	size_t taken; // of the waiting bytes, from their beginning
	bool is_suspended;
	int64_t written_at_us;  // the last write
	int64_t progress_at_us; // the client last took something, or something began to wait
};

// ---- the list of all ------------------------------------------------------------------------------------------------

static void enlist(struct http_feed *feed)
{
	struct http_server *server = feed->server;
	(void)pthread_mutex_lock(&server->feeds_lock);
	feed->next = server->feeds;
	if (feed->next != NULL)
		feed->next->previous = feed;
	server->feeds = feed;
	server->feed_count++;
	(void)pthread_mutex_unlock(&server->feeds_lock);
	telemetry_count_feed(server->telemetry, 1);
}

static void delist(struct http_feed *feed)
{
	struct http_server *server = feed->server;
	(void)pthread_mutex_lock(&server->feeds_lock);
	if (feed->previous != NULL)
		feed->previous->next = feed->next;
	else
		server->feeds = feed->next;
	if (feed->next != NULL)
		feed->next->previous = feed->previous;
	server->feed_count--;
	(void)pthread_mutex_unlock(&server->feeds_lock);
	telemetry_count_feed(server->telemetry, -1);
}

// All feeds, each with a reference, for work outside the list's lock. NULL when there are none, or no memory.
static struct http_feed **snapshot(struct http_server *server, size_t *ret_count)
{
	struct http_feed **all = NULL;
	size_t count = 0;
	(void)pthread_mutex_lock(&server->feeds_lock);
	if (server->feed_count > 0)
		all = malloc(server->feed_count * sizeof(struct http_feed *));
	for (struct http_feed *feed = server->feeds; all != NULL && feed != NULL; feed = feed->next) {
		atomic_fetch_add_explicit(&feed->references, 1, memory_order_relaxed);
		all[count++] = feed;
	}
	(void)pthread_mutex_unlock(&server->feeds_lock);
	*ret_count = count;
	return all;
}

// ---- life -----------------------------------------------------------------------------------------------------------

void http_feed_release(struct http_feed *feed)
{
	if (feed == NULL || atomic_fetch_sub_explicit(&feed->references, 1, memory_order_acq_rel) != 1)
		return;
	buffer_done(&feed->waiting);
	(void)pthread_mutex_destroy(&feed->lock);
	free(feed);
}

static size_t count_waiting(const struct http_feed *feed)
{
	return feed->waiting.length - feed->taken;
}

// True when the caller is to resume the connection, after unlocking.
static bool take_suspension(struct http_feed *feed)
{
	bool was_suspended = feed->is_suspended;
	feed->is_suspended = false;
	return was_suspended;
}

// Unlock, and have the event thread go on. A suspended connection cannot go away meanwhile.
static void unlock_and_resume(struct http_feed *feed, bool resume)
{
	(void)pthread_mutex_unlock(&feed->lock);
	if (resume)
		MHD_resume_connection(feed->mhd);
}

// The lock is held.
static void cut(struct http_feed *feed)
{
	if (feed->state >= FEED_CUT)
		return;
	feed->state = FEED_CUT;
	if (feed->connection != NULL)
		connection_cut(feed->connection);
}

// libmicrohttpd destroys the response: the client has all, or has gone.
static void on_destroyed(void *context)
{
	struct http_feed *feed = context;
	(void)pthread_mutex_lock(&feed->lock);
	feed->state = FEED_GONE;
	feed->connection = NULL;
	(void)pthread_mutex_unlock(&feed->lock);
	delist(feed);
	if (feed->options.ended != NULL)
		feed->options.ended(feed->options.context);
	http_feed_release(feed);
}

// ---- the event thread -----------------------------------------------------------------------------------------------

static ssize_t read_waiting(void *context, uint64_t position, char *out, size_t room)
{
	struct http_feed *feed = context;
	ssize_t result = 0;
	bool is_drained = false;
	(void)position;
	(void)pthread_mutex_lock(&feed->lock);
	size_t count = count_waiting(feed);
	if (feed->state == FEED_CUT) {
		result = MHD_CONTENT_READER_END_WITH_ERROR;
	} else if (count > 0) {
		count = count < room ? count : room;
		memcpy(out, feed->waiting.data + feed->taken, count);
		feed->taken += count;
		feed->progress_at_us = clock_monotonic_us();
		is_drained = count_waiting(feed) == 0;
		if (is_drained) { // an idle feed holds no buffer
			buffer_done(&feed->waiting);
			buffer_init(&feed->waiting, feed->options.buffer_bytes);
			feed->taken = 0;
		}
		result = (ssize_t)count;
	} else if (feed->state == FEED_ENDING) {
		result = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		MHD_suspend_connection(feed->mhd);
		feed->is_suspended = true;
	}
	(void)pthread_mutex_unlock(&feed->lock);
	if (is_drained && feed->options.drained != NULL)
		feed->options.drained(feed->options.context);
	return result;
}

void feed_attach(struct http_feed *feed, struct http_connection *connection)
{
	const unsigned int unacknowledged_ms = (unsigned int)feed->options.stall_ms;
	const int socket_bytes = FEED_SOCKET_BYTES;
	int descriptor = connection->descriptor;
	connection_begin_feed(connection);
	(void)setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &socket_bytes, sizeof socket_bytes);
	// A client that vanished without a word is noticed by what it does not acknowledge.
	(void)setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
	(void)pthread_mutex_lock(&feed->lock);
	feed->connection = connection;
	if (feed->state == FEED_CUT)
		connection_cut(connection);
	(void)pthread_mutex_unlock(&feed->lock);
}

static struct http_feed *feed_new(struct http_request *request, const struct http_feed_options *options)
{
	struct http_feed *feed = calloc(1, sizeof *feed);
	if (feed == NULL)
		return NULL;
	atomic_init(&feed->references, 2); // the caller's and the response's
	feed->options = *options;
	feed->server = request->server;
	feed->mhd = request->mhd;
	feed->written_at_us = feed->progress_at_us = clock_monotonic_us();
	buffer_init(&feed->waiting, options->buffer_bytes);
	(void)pthread_mutex_init(&feed->lock, NULL);
	return feed;
}

enum rc http_respond_feed(struct http_request *request, const struct http_feed_options *options,
                          struct http_feed **ret_feed, struct err *err)
{
	if (http_request_is_over(request))
		return err_set(err, RC_BUSY, "the request is over");
	if (atomic_load(&request->server->closing))
		return err_set(err, RC_BUSY, "the server is being stopped");
	struct http_feed *feed = feed_new(request, options);
	if (feed == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a feed");
	struct MHD_Response *response =
	        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, FEED_BLOCK_BYTES, read_waiting, feed, on_destroyed);
	if (response == NULL) {
		http_feed_release(feed);
		http_feed_release(feed);
		return err_set(err, RC_NO_MEMORY, "no memory for a feed");
	}
	respond_add_headers(response, request, options->content_type);
	enlist(feed);
	request->feed = feed;
	*ret_feed = feed;
	request_deliver(request, response, 200, ANSWER_BY_HANDLER);
	return RC_OK;
}

// ---- whoever writes -------------------------------------------------------------------------------------------------

// Append to what waits. The lock is held. False when it would be too much.
static bool append(struct http_feed *feed, const void *data, size_t length)
{
	int64_t now = clock_monotonic_us();
	size_t count = count_waiting(feed);
	if (count + length > feed->options.buffer_bytes)
		return false;
	if (count == 0)
		feed->progress_at_us = now;
	if (feed->taken > 0) {
		memmove(feed->waiting.data, feed->waiting.data + feed->taken, count);
		feed->waiting.length = count;
		feed->taken = 0;
	}
	if (!buffer_reserve(&feed->waiting, length)) {
		feed->waiting.failed = false; // what waits is whole
		return false;
	}
	buffer_append(&feed->waiting, data, length);
	feed->written_at_us = now;
	return true;
}

enum rc http_feed_write(struct http_feed *feed, const void *data, size_t length)
{
	enum rc rc = RC_NOT_FOUND;
	bool resume = false;
	(void)pthread_mutex_lock(&feed->lock);
	if (feed->state == FEED_OPEN) {
		rc = append(feed, data, length) ? RC_OK : RC_LIMIT;
		resume = rc == RC_OK && take_suspension(feed);
	}
	unlock_and_resume(feed, resume);
	return rc;
}

size_t http_feed_waiting(struct http_feed *feed)
{
	(void)pthread_mutex_lock(&feed->lock);
	size_t count = count_waiting(feed);
	(void)pthread_mutex_unlock(&feed->lock);
	return count;
}

void http_feed_end(struct http_feed *feed)
{
	bool resume = false;
	(void)pthread_mutex_lock(&feed->lock);
	if (feed->state == FEED_OPEN) {
		feed->state = FEED_ENDING;
		resume = take_suspension(feed);
	}
	unlock_and_resume(feed, resume);
}

void http_feed_cut(struct http_feed *feed)
{
	(void)pthread_mutex_lock(&feed->lock);
	cut(feed);
	unlock_and_resume(feed, take_suspension(feed));
}

// ---- looking after them ---------------------------------------------------------------------------------------------

// The client has closed its side: nobody reads any more.
static bool client_has_left(const struct http_feed *feed)
{
	char byte;
	ssize_t seen = recv(feed->connection->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return seen == 0 || (seen < 0 && errno != EAGAIN && errno != EINTR);
}

static void tend(struct http_feed *feed, int64_t now)
{
	const struct http_feed_options *options = &feed->options;
	bool resume = false;
	(void)pthread_mutex_lock(&feed->lock);
	if (feed->state < FEED_CUT && feed->connection != NULL) {
		bool is_stalled = (count_waiting(feed) > 0 || feed->state == FEED_ENDING) &&
		                  now - feed->progress_at_us > options->stall_ms * 1000;
		if (is_stalled || (feed->is_suspended && client_has_left(feed))) {
			cut(feed);
			resume = take_suspension(feed);
		} else if (feed->state == FEED_OPEN && count_waiting(feed) == 0 &&
		           now - feed->written_at_us >= options->heartbeat_ms * 1000) {
			resume = append(feed, options->heartbeat, strlen(options->heartbeat)) && take_suspension(feed);
		}
	}
	unlock_and_resume(feed, resume);
}

void feeds_tend(struct http_server *server)
{
	size_t count;
	int64_t now = clock_monotonic_us();
	struct http_feed **all = snapshot(server, &count);
	for (size_t i = 0; i < count; i++) {
		tend(all[i], now);
		http_feed_release(all[i]);
	}
	free(all);
}

void feeds_end_all(struct http_server *server)
{
	size_t count;
	struct http_feed **all = snapshot(server, &count);
	for (size_t i = 0; i < count; i++) {
		http_feed_end(all[i]);
		http_feed_release(all[i]);
	}
	free(all);
}
