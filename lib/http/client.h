// HTTP calls to others (edge purges, webhooks), on libcurl: kept-alive connections, one deadline for the whole call, a
// cap on the answer, no redirects, http and https only, no proxy from the environment.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct http_client;

struct http_client_config {
	unsigned connections; // calls at once; more of them wait for their turn, within their deadline. 0: 4
	int64_t connect_ms;   // to connect, TLS included; 0: 2000
	bool public_only;     // connect only to public addresses, decided on the address itself at connect (SSRF guard)
	const char *allowed_networks; // that public_only lets pass all the same: "10.1.0.0/16, ::1"; NULL: none
	bool http2;             // speak HTTP/2 from the first byte also where TLS does not agree on it (http: URLs)
	const char *user_agent; // NULL: "safelight"
};

// RC_NO_MEMORY; RC_INVALID: allowed_networks.
enum rc http_client_new(const struct http_client_config *config, struct http_client **ret_client,
                        struct err *err) MUST_CHECK;
// Break off the calls under way within a second (RC_UNKNOWN, or what they came to); later ones end so at once. Any
// thread.
void http_client_abort(struct http_client *client);

// No call may be under way. Accepts NULL.
void http_client_free(struct http_client *client);

struct http_call {
	const char *method;         // "GET", "POST", "DELETE", …
	const char *url;            // absolute
	const char *const *headers; // "Name: value", NULL-terminated; NULL: none
	const void *body;           // NULL: none
	size_t body_length;
	int64_t timeout_ms;      // the whole call, waiting for a turn included; > 0
	size_t response_limit;   // bytes of the answer's body that are taken; beyond it RC_LIMIT
	const char *want_header; // an answer header to keep; NULL: none
};

#define HTTP_REPLY_HEADER_SIZE 512

struct http_reply {
	unsigned status;
	struct buffer body;                  // caller frees with http_reply_done
	char header[HTTP_REPLY_HEADER_SIZE]; // value of want_header, "" when absent or too long
};

void http_reply_done(struct http_reply *reply);

// RC_OK for every complete answer, whatever its status. RC_INVALID: bad URL or scheme. RC_DENIED: public_only refused
// the address. RC_BUSY: no turn within the time. RC_UNAVAILABLE: could not connect; nothing was sent. RC_TIMEOUT: the
// deadline passed. RC_UNKNOWN: the connection broke after sending. RC_LIMIT: the answer is too long. RC_CORRUPT: not
// HTTP. The text names neither URL nor headers (they may hold secrets): put what you called before it. Any thread;
// blocks.
enum rc http_client_call(struct http_client *client, const struct http_call *call, struct http_reply *ret_reply,
                         struct err *err) MUST_CHECK;
