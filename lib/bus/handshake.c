// A trial run of the NATS greeting on a socket of our own (NATS client protocol: INFO, CONNECT, PING, PONG).
#include "bus/bus_private.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/cleanup.h"

// The server's greeting is a line of JSON that grows with the cluster.
#define LINE_BYTES_MAX (64 * 1024)

static enum rc await_socket(int fd, short events, struct deadline deadline, struct err *err)
{
	for (;;) {
		struct pollfd entry = { .fd = fd, .events = events };
		int64_t left = deadline_left_ms(deadline);
		int count = poll(&entry, 1, left > 60000 ? 60000 : (int)left);
		if (count > 0)
			return RC_OK;
		if (count < 0 && errno != EINTR)
			return err_set(err, RC_UNAVAILABLE, "poll: %s", strerror(errno));
		if (deadline_passed(deadline))
			return err_set(err, RC_TIMEOUT, "the server did not answer in time");
	}
}

// Connect a non-blocking socket.
static enum rc connect_socket(int fd, const struct addrinfo *address, struct deadline deadline, struct err *err)
{
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return RC_OK;
	if (errno != EINPROGRESS)
		return err_set(err, RC_UNAVAILABLE, "connect: %s", strerror(errno));
	enum rc rc = await_socket(fd, POLLOUT, deadline, err);
	if (rc != RC_OK)
		return rc;
	int failure = 0;
	socklen_t size = sizeof(failure);
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
	return failure == 0 ? RC_OK : err_set(err, RC_UNAVAILABLE, "connect: %s", strerror(failure));
}

static enum rc connect_address(const struct addrinfo *address, struct deadline deadline, int *ret_fd, struct err *err)
{
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
	if (fd < 0)
		return err_set(err, RC_UNAVAILABLE, "socket: %s", strerror(errno));
	enum rc rc = connect_socket(fd, address, deadline, err);
	if (rc == RC_OK)
		*ret_fd = fd;
	else
		(void)close(fd);
	return rc;
}

static enum rc connect_server(const struct bus_server *server, struct deadline deadline, int *ret_fd, struct err *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *addresses = NULL;
	int failure = getaddrinfo(server->host, server->port, &hints, &addresses);
	if (failure != 0)
		return err_set(err, RC_UNAVAILABLE, "resolve: %s", gai_strerror(failure));
	enum rc rc = err_set(err, RC_UNAVAILABLE, "resolve: no address");
	for (const struct addrinfo *one = addresses; one != NULL && rc != RC_OK; one = one->ai_next)
		rc = connect_address(one, deadline, ret_fd, err);
	freeaddrinfo(addresses);
	return rc;
}

// One line into the emptied buffer, without its end. Looks before it takes, so that the next line stays in the socket.
static enum rc read_line(int fd, struct deadline deadline, struct buffer *line, struct err *err)
{
	buffer_clear(line);
	for (;;) {
		char chunk[2048];
		ssize_t count = recv(fd, chunk, sizeof(chunk), MSG_PEEK);
		if (count == 0)
			return err_set(err, RC_UNAVAILABLE, "the server closed the connection");
		if (count < 0 && errno != EAGAIN && errno != EINTR)
			return err_set(err, RC_UNAVAILABLE, "recv: %s", strerror(errno));
		if (count > 0) {
			const char *end = memchr(chunk, '\n', (size_t)count);
			size_t length = end != NULL ? (size_t)(end - chunk) : (size_t)count;
			(void)recv(fd, chunk, length + (end != NULL), 0);
			buffer_append(line, chunk, length);
			if (!buffer_ok(line))
				return err_set(err, RC_CORRUPT, "the server's line is too long");
			if (end != NULL)
				return RC_OK;
			continue;
		}
		enum rc rc = await_socket(fd, POLLIN, deadline, err);
		if (rc != RC_OK)
			return rc;
	}
}

static enum rc write_all(int fd, const char *text, struct deadline deadline, struct err *err)
{
	size_t left = strlen(text);
	while (left > 0) {
		ssize_t count = send(fd, text, left, MSG_NOSIGNAL);
		if (count < 0 && errno != EAGAIN && errno != EINTR)
			return err_set(err, RC_UNAVAILABLE, "send: %s", strerror(errno));
		if (count > 0) {
			text += count;
			left -= (size_t)count;
			continue;
		}
		enum rc rc = await_socket(fd, POLLOUT, deadline, err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc check_greeting(const char *line, struct err *err)
{
	if (strncmp(line, "INFO ", 5) != 0)
		return err_set(err, RC_CORRUPT, "the server does not speak NATS");
	json_auto_t *info = json_loads(line + 5, 0, NULL);
	if (info == NULL)
		return err_set(err, RC_CORRUPT, "the server's greeting is not JSON");
	if (json_is_true(json_object_get(info, "tls_required")))
		return err_set(err, RC_INVALID, "the server requires TLS, which this nats.c cannot do safely");
	if (!json_is_true(json_object_get(info, "headers")))
		return err_set(err, RC_INVALID, "the server does not know message headers (older than 2.2)");
	return RC_OK;
}

static enum rc authenticate(int fd, const char *token, const char *name, struct deadline deadline, struct buffer *line,
                            struct err *err)
{
	json_auto_t *hello =
	        json_pack("{s:b, s:b, s:s, s:s, s:s, s:i, s:b, s:b}", "verbose", 0, "pedantic", 0, "name", name, "lang",
	                  "C", "version", "trial", "protocol", 1, "headers", 1, "no_responders", 1);
	if (hello != NULL && token != NULL && token[0] != '\0')
		(void)json_object_set_new(hello, "auth_token", json_string(token));
	CLEANUP(free_pointer) char *text = hello != NULL ? json_dumps(hello, JSON_COMPACT) : NULL;
	if (text == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the greeting");
	buffer_clear(line);
	buffer_append_format(line, "CONNECT %s\r\nPING\r\n", text);
	enum rc rc = buffer_ok(line) ? write_all(fd, buffer_text(line), deadline, err)
	                             : err_set(err, RC_INVALID, "the token is too long");
	while (rc == RC_OK) {
		rc = read_line(fd, deadline, line, err);
		if (rc != RC_OK || strncmp(buffer_text(line), "PONG", 4) == 0)
			break;
		if (strncmp(buffer_text(line), "-ERR", 4) == 0)
			return err_set(err,
			               strstr(buffer_text(line), "uthorization") != NULL ? RC_DENIED : RC_UNAVAILABLE,
			               "the server says %.200s", buffer_text(line) + 4);
	}
	return rc;
}

enum rc bus_handshake_try(const struct bus_server *server, const char *token, const char *name,
                          struct deadline deadline, struct err *err)
{
	CLEANUP(close_descriptor) int fd = -1;
	struct buffer line;
	buffer_init(&line, LINE_BYTES_MAX);
	enum rc rc = connect_server(server, deadline, &fd, err);
	if (rc == RC_OK)
		rc = read_line(fd, deadline, &line, err);
	if (rc == RC_OK)
		rc = check_greeting(buffer_text(&line), err);
	if (rc == RC_OK)
		rc = authenticate(fd, token, name, deadline, &line, err);
	buffer_done(&line);
	if (rc != RC_OK)
		return err_prefix(err, rc, "nats %s:%s", server->host, server->port);
	return RC_OK;
}
