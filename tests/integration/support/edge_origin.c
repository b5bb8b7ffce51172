// The server behind the edge in its tests.
#include "tests/integration/support/edge_origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/cmocka_all.h"

struct connection {
	struct edge_origin *origin;
	int fd;
};

// One request's head, without its empty line; false when the peer is done. Bodies are read and dropped.
static bool read_head(int fd, char head[EDGE_ORIGIN_HEAD_SIZE])
{
	size_t length = 0;
	while (length < EDGE_ORIGIN_HEAD_SIZE - 1) {
		ssize_t got = recv(fd, head + length, 1, 0);
		if (got <= 0)
			return false;
		length++;
		head[length] = '\0';
		if (length >= 4 && strcmp(head + length - 4, "\r\n\r\n") == 0)
			break;
	}
	const char *declared = strcasestr(head, "\r\ncontent-length:");
	long left = declared != NULL ? strtol(declared + strlen("\r\ncontent-length:"), NULL, 10) : 0;
	char dropped[4096];
	while (left > 0) {
		ssize_t got = recv(fd, dropped, left < (long)sizeof(dropped) ? (size_t)left : sizeof(dropped), 0);
		if (got <= 0)
			return false;
		left -= got;
	}
	return true;
}

static bool send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		data += sent;
		length -= (size_t)sent;
	}
	return true;
}

// The part of a body that a request asks for by Range, as stores give it; false: the whole.
static bool find_range(const char *head, unsigned length, unsigned *ret_from, unsigned *ret_length)
{
	const char *range = strcasestr(head, "\r\nrange: bytes=");
	unsigned from, to;
	if (range == NULL || sscanf(range + strlen("\r\nrange: bytes="), "%u-%u", &from, &to) != 2 || from >= length)
		return false;
	*ret_from = from;
	*ret_length = (to < length ? to + 1 : length) - from;
	return true;
}

// Everything that a store may say and a client must not see stands in these headers.
static bool send_answer(int fd, const char *name, const char *head, unsigned status, unsigned hit, bool is_cut)
{
	char path[512] = "", body[1024], range[64] = "", answer[3072];
	(void)sscanf(head, "%*s %511s", path);
	unsigned whole = (unsigned)snprintf(body, sizeof(body), "%s <Error>%s</Error> hit %u end", name, path, hit);
	unsigned from = 0, part = whole;
	if (status == 200 && find_range(head, whole, &from, &part)) {
		status = 206;
		(void)snprintf(range, sizeof(range), "Content-Range: bytes %u-%u/%u\r\n", from, from + part - 1, whole);
	}
	int length =
	        snprintf(answer, sizeof(answer),
	                 "HTTP/1.1 %u Whatever\r\nContent-Length: %u\r\n%sContent-Type: text/html\r\n"
	                 "ETag: \"tag-%u\"\r\nLast-Modified: Tue, 24 Nov 2026 06:35:01 GMT\r\n"
	                 "x-amz-request-id: secret-internals\r\nx-amz-meta-source: secret-internals\r\n"
	                 "x-rgw-object-type: Normal\r\nSet-Cookie: a=secret-internals\r\nVary: *\r\n"
	                 "Cache-Control: no-store\r\nAccept-Ranges: bytes\r\nLocation: http://secret-internals/\r\n"
	                 "X-Served-By: %s\r\n\r\n%.*s",
	                 status, part, range, hit, name, (int)(is_cut ? part / 2 : part), body + from);
	return send_all(fd, answer, (size_t)length) && !is_cut;
}

static void *serve(void *context)
{
	struct connection connection = *(struct connection *)context;
	struct edge_origin *origin = connection.origin;
	free(context);
	char head[EDGE_ORIGIN_HEAD_SIZE];
	bool is_open = true;
	while (is_open && read_head(connection.fd, head)) {
		(void)pthread_mutex_lock(&origin->lock);
		unsigned hit = ++origin->hits, status = origin->status, delay_ms = origin->delay_ms;
		bool is_cut = origin->is_cut;
		memcpy(origin->last_head, head, sizeof(head));
		(void)pthread_mutex_unlock(&origin->lock);
		if (delay_ms > 0)
			clock_sleep_ms(delay_ms);
		is_open = send_answer(connection.fd, origin->name, head, status, hit, is_cut);
	}
	(void)close(connection.fd);
	(void)pthread_mutex_lock(&origin->lock);
	origin->open--;
	(void)pthread_mutex_unlock(&origin->lock);
	return NULL;
}

static void *accept_all(void *context)
{
	struct edge_origin *origin = context;
	for (;;) {
		int fd = accept(origin->listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		// Idle connections end by themselves soon, so that stopping does not take long.
		struct timeval patience = { .tv_sec = 2 };
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		struct connection *connection = malloc(sizeof(*connection));
		pthread_t thread;
		if (connection == NULL)
			abort();
		*connection = (struct connection){ origin, fd };
		(void)pthread_mutex_lock(&origin->lock);
		origin->open++;
		(void)pthread_mutex_unlock(&origin->lock);
		if (pthread_create(&thread, NULL, serve, connection) != 0)
			abort();
		(void)pthread_detach(thread);
	}
}

void edge_origin_restart(struct edge_origin *origin)
{
	int yes = 1;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(origin->port) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	origin->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(origin->listener >= 0);
	(void)setsockopt(origin->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(origin->listener, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail_msg("port %u is taken", origin->port);
	assert_int_equal(listen(origin->listener, 256), 0);
	assert_int_equal(pthread_create(&origin->thread, NULL, accept_all, origin), 0);
}

void edge_origin_start(struct edge_origin *origin, const char *name, uint16_t port)
{
	*origin = (struct edge_origin){ .name = name, .port = port, .status = 200 };
	(void)pthread_mutex_init(&origin->lock, NULL);
	edge_origin_restart(origin);
}

static unsigned count_open(struct edge_origin *origin)
{
	(void)pthread_mutex_lock(&origin->lock);
	unsigned open = origin->open;
	(void)pthread_mutex_unlock(&origin->lock);
	return open;
}

void edge_origin_stop(struct edge_origin *origin)
{
	if (origin->listener < 0)
		return;
	(void)shutdown(origin->listener, SHUT_RDWR);
	(void)pthread_join(origin->thread, NULL);
	(void)close(origin->listener);
	origin->listener = -1;
	for (int waited = 0; count_open(origin) > 0 && waited < 5000; waited += 10)
		clock_sleep_ms(10);
}

void edge_origin_reset(struct edge_origin *origin)
{
	(void)pthread_mutex_lock(&origin->lock);
	origin->hits = 0;
	origin->status = 200;
	origin->delay_ms = 0;
	origin->is_cut = false;
	(void)pthread_mutex_unlock(&origin->lock);
}

unsigned edge_origin_hits(struct edge_origin *origin)
{
	(void)pthread_mutex_lock(&origin->lock);
	unsigned hits = origin->hits;
	(void)pthread_mutex_unlock(&origin->lock);
	return hits;
}

void edge_origin_answer(struct edge_origin *origin, unsigned status, unsigned delay_ms, bool is_cut)
{
	(void)pthread_mutex_lock(&origin->lock);
	origin->status = status;
	origin->delay_ms = delay_ms;
	origin->is_cut = is_cut;
	(void)pthread_mutex_unlock(&origin->lock);
}

void edge_origin_last_header(struct edge_origin *origin, const char *name, char *ret_value, size_t size)
{
	char wanted[128];
	ret_value[0] = '\0';
	(void)snprintf(wanted, sizeof(wanted), "\r\n%s: ", name);
	(void)pthread_mutex_lock(&origin->lock);
	const char *at = strcasestr(origin->last_head, wanted);
	if (at != NULL) {
		at += strlen(wanted);
		(void)snprintf(ret_value, size, "%.*s", (int)strcspn(at, "\r"), at);
	}
	(void)pthread_mutex_unlock(&origin->lock);
}
