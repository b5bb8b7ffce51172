// A small HTTP server for tests that answers each request as it is told, well or badly, and counts them.
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum ending {
	END_KEEP,  // keep the connection for another request
	END_CLOSE, // close it
	END_HOLD,  // say nothing more, until the test is over
};

struct answer {
	const char *text; // sent as it is; NULL: nothing
	const char *body; // sent behind it with its Content-Length; NULL: text is all
	enum ending ending;
	bool before_body; // answered when the headers are there
};

struct rude_server {
	int listener;
	unsigned port;
	pthread_t thread;
	const struct answer *answers; // by number of the request; the last one for all that follow
	size_t answer_count;
	atomic_uint requests;
	atomic_bool over;
	int held[32];
	size_t held_count;
};

static bool read_until_blank_line(int fd, char *text, size_t size, size_t *ret_length)
{
	size_t length = 0;
	while (length + 1 < size && strstr(text, "\r\n\r\n") == NULL) {
		ssize_t got = recv(fd, text + length, 1, 0);
		if (got <= 0)
			return false;
		length += (size_t)got;
		text[length] = '\0';
	}
	*ret_length = length;
	return true;
}

static void read_body(int fd, const char *headers)
{
	const char *at = strcasestr(headers, "content-length:");
	size_t left = at == NULL ? 0 : strtoul(at + 15, NULL, 10);
	if (strcasestr(headers, "expect: 100-continue") != NULL)
		(void)send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
	char data[4096];
	while (left > 0) {
		ssize_t got = recv(fd, data, left < sizeof data ? left : sizeof data, 0);
		if (got <= 0)
			return;
		left -= (size_t)got;
	}
}

static void send_all(int fd, const char *data, size_t length)
{
	for (size_t sent = 0; sent < length;) {
		ssize_t part = send(fd, data + sent, length - sent, MSG_NOSIGNAL);
		if (part <= 0)
			return;
		sent += (size_t)part;
	}
}

static void send_answer(int fd, const struct answer *answer)
{
	if (answer->text == NULL)
		return;
	send_all(fd, answer->text, strlen(answer->text));
	if (answer->body == NULL)
		return;
	char header[64];
	int length = snprintf(header, sizeof header, "Content-Length: %zu\r\n\r\n", strlen(answer->body));
	send_all(fd, header, (size_t)length);
	send_all(fd, answer->body, strlen(answer->body));
}

// False when the connection is done with.
static bool serve_request(struct rude_server *server, int fd)
{
	char headers[16384] = "";
	size_t length;
	if (!read_until_blank_line(fd, headers, sizeof headers, &length))
		return false;
	size_t number = atomic_fetch_add(&server->requests, 1);
	size_t last = server->answer_count - 1;
	const struct answer *answer = &server->answers[number < last ? number : last];
	if (!answer->before_body)
		read_body(fd, headers);
	send_answer(fd, answer);
	if (answer->ending == END_HOLD && server->held_count < COUNT(server->held)) {
		server->held[server->held_count++] = fd;
		return true;
	}
	return answer->ending == END_KEEP;
}

static void *serve(void *context)
{
	struct rude_server *server = context;
	while (!atomic_load(&server->over)) {
		int fd = accept(server->listener, NULL, NULL);
		if (fd < 0)
			break;
		struct timeval patience = { .tv_sec = 5 };
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		size_t held = server->held_count;
		bool more = true;
		while (more && server->held_count == held)
			more = serve_request(server, fd);
		if (server->held_count == held)
			(void)close(fd);
	}
	return NULL;
}

static struct rude_server *start_server(const struct answer *answers, size_t count)
{
	struct rude_server *server = calloc(1, sizeof *server);
	assert_non_null(server);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	server->answers = answers;
	server->answer_count = count;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->listener >= 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	return server;
}

static void stop_server(struct rude_server *server)
{
	atomic_store(&server->over, true);
	(void)shutdown(server->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(server->thread, NULL), 0);
	for (size_t i = 0; i < server->held_count; i++)
		(void)close(server->held[i]);
	(void)close(server->listener);
	free(server);
}
