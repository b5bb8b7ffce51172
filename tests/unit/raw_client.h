// A client of tests that sends raw bytes, for what no client library would send, and reads answers as they come.
#pragma once

#include "cmocka_all.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"

#define RAW_WAIT_MS 10000

static inline int raw_connect(const struct http_server *server)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons(http_server_port(server)),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

// False when the other side has closed.
static inline bool raw_send_bytes(int fd, const void *data, size_t length)
{
	const char *at = data;
	while (length > 0) {
		ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		at += sent;
		length -= (size_t)sent;
	}
	return true;
}

static inline bool raw_send(int fd, const char *text)
{
	return raw_send_bytes(fd, text, strlen(text));
}

struct raw_answer {
	int status; // 0: closed without an answer
	char head[8192];
	char body[65536];
	size_t body_length;
};

static inline bool raw_wait(int fd, int64_t timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	return poll(&poll_fd, 1, (int)timeout_ms) == 1;
}

// A header's value in ret_value (256 bytes); false when absent.
static inline bool raw_header(const struct raw_answer *answer, const char *name, char *ret_value)
{
	const char *line = answer->head;
	size_t length = strlen(name);
	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, name, length) != 0 || line[length] != ':')
			continue;
		line += length + 1;
		line += strspn(line, " ");
		(void)snprintf(ret_value, 256, "%.*s", (int)strcspn(line, "\r"), line);
		return true;
	}
	return false;
}

// One byte at a time: the head must not swallow what follows it.
static inline bool raw_read_head(int fd, struct raw_answer *answer)
{
	size_t length = 0;
	while (length + 1 < sizeof answer->head) {
		if (!raw_wait(fd, RAW_WAIT_MS) || recv(fd, answer->head + length, 1, 0) != 1)
			return false;
		answer->head[++length] = '\0';
		if (length >= 4 && memcmp(answer->head + length - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

// The next answer on the connection. without_body: it answers HEAD.
static inline void raw_read(int fd, bool without_body, struct raw_answer *ret_answer)
{
	char value[256];
	memset(ret_answer, 0, sizeof *ret_answer);
	do {
		if (!raw_read_head(fd, ret_answer))
			return;
	} while (strncmp(ret_answer->head, "HTTP/1.1 100", 12) == 0);
	ret_answer->status = (int)strtol(ret_answer->head + strlen("HTTP/1.1 "), NULL, 10);
	size_t wanted = raw_header(ret_answer, "Content-Length", value) ? strtoul(value, NULL, 10) : 0;
	assert_true(wanted < sizeof ret_answer->body);
	while (!without_body && ret_answer->body_length < wanted) {
		assert_true(raw_wait(fd, RAW_WAIT_MS));
		ssize_t got = recv(fd, ret_answer->body + ret_answer->body_length, wanted - ret_answer->body_length, 0);
		assert_true(got > 0);
		ret_answer->body_length += (size_t)got;
	}
}

// True when the other side closes within the time and sends nothing before.
static inline bool raw_is_closed(int fd, int64_t timeout_ms)
{
	char byte;
	return raw_wait(fd, timeout_ms) && recv(fd, &byte, 1, 0) <= 0;
}

// One request on a connection of its own.
static inline void raw_ask(const struct http_server *server, const char *request, struct raw_answer *ret_answer)
{
	int fd = raw_connect(server);
	(void)raw_send(fd, request);
	raw_read(fd, strncmp(request, "HEAD", 4) == 0, ret_answer);
	(void)close(fd);
}
