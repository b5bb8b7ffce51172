// What the HTTP tests share: a server on a free port of the loopback, and a client that sends raw bytes.
#pragma once

#include "cmocka_all.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json_write.h"
#include "http/respond.h"
#include "http/server.h"
#include "tests/unit/raw_client.h"

// Everything a handler can learn, as JSON.
static inline void test_echo(struct http_request *request)
{
	struct buffer out;
	struct json_write json;
	buffer_init(&out, 65536);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "method", http_request_method(request));
	json_write_text(&json, "path", http_request_path(request));
	json_write_text(&json, "route", http_request_route(request)->path);
	json_write_text(&json, "q", http_request_query(request, "q"));
	json_write_text(&json, "client", http_request_client(request));
	json_write_text(&json, "id", http_request_id(request));
	json_write_text(&json, "trace", http_request_traceparent(request));
	json_write_text(&json, "x", http_request_header(request, "X-TEST"));
	json_write_text(&json, "body", http_request_body(request, NULL));
	json_write_text(&json, "context", http_request_context(request));
	json_write_bool(&json, "principal", http_request_principal(request) != NULL);
	if (strchr(http_request_route(request)->path, '{') != NULL)
		json_write_text(&json, "name", http_request_parameter(request, "name"));
	json_write_object_end(&json);
	http_respond_json(request, 200, &out);
}

#define TEST_ROUTE(variable, ...) static const struct route variable = { .summary = "A test.", __VA_ARGS__ }

// A configuration that tests change to their liking.
static inline struct http_server_config test_config(const struct route *const *routes, size_t count)
{
	return (struct http_server_config){ .name = "test",
		                            .listen = "127.0.0.1:0",
		                            .event_threads = 1,
		                            .workers = 2,
		                            .queue = 16,
		                            .connections = 64,
		                            .request_ms = 5000,
		                            .routes = routes,
		                            .route_count = count };
}

static inline struct http_server *test_start(const struct http_server_config *config)
{
	struct err err = { .rc = RC_OK };
	struct http_server *server = NULL;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(crypto_init(&err), RC_OK);
	if (http_server_start(config, &server, &err) != RC_OK)
		fail_msg("cannot start: %s", err.text);
	return server;
}

// "METHOD path" with a Host, the given header lines ("Name: value\r\n…") and body.
static inline void test_ask(const struct http_server *server, const char *method, const char *path, const char *headers,
                            const char *body, struct raw_answer *ret_answer)
{
	struct buffer request;
	buffer_init(&request, 4 * 1024 * 1024);
	buffer_append_format(&request, "%s %s HTTP/1.1\r\nHost: test\r\n%s", method, path, headers);
	if (body != NULL)
		buffer_append_format(&request, "Content-Length: %zu\r\n", strlen(body));
	buffer_append_format(&request, "\r\n%s", body == NULL ? "" : body);
	raw_ask(server, buffer_text(&request), ret_answer);
	buffer_done(&request);
}

static inline void assert_header(const struct raw_answer *answer, const char *name, const char *wanted)
{
	char value[256];
	if (!raw_header(answer, name, value))
		fail_msg("no header %s in:\n%s", name, answer->head);
	assert_string_equal(value, wanted);
}

static inline void assert_no_header(const struct raw_answer *answer, const char *name)
{
	char value[256];
	if (raw_header(answer, name, value))
		fail_msg("unexpected header %s: %s", name, value);
}

static inline void assert_holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, text);
}
