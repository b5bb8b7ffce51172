// A client of the public API, as a phone is one: signs up or logs in, calls, and cleans up after itself.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct http_client;

#define SESSION_PASSWORD_SIZE 49

struct session {
	struct http_client *http;
	const char *url;                      // origin of the API
	char *access_token;                   // NULL before session_begin
	char *refresh_token;                  // for signing out
	char password[SESSION_PASSWORD_SIZE]; // of an account that was made for this session; "" for others
};

// Log in with SAFELIGHT_EMAIL and SAFELIGHT_PASSWORD (signing up when there is no such account), or sign up a
// throw-away account when neither is set. url must outlive the session; connections: calls at once. End with
// session_done also after a failure.
enum rc session_begin(struct session *ret_session, const char *url, unsigned connections, struct err *err) MUST_CHECK;

// True when the account was made for this session.
bool session_is_throw_away(const struct session *session);
// Delete a throw-away account with everything that it holds; false when that did not succeed.
bool session_erase(struct session *session);

// Sign out, free. Accepts a zeroed one.
void session_done(struct session *session);

// Any thread, and session_put, too: make a call with a JSON body (NULL: none; taken over). RC_OK for every complete
// answer; ret_json is its body, NULL when it is no JSON; the caller drops it.
enum rc session_call(struct session *session, const char *method, const char *path, json_t *body, unsigned *ret_status,
                     json_t **ret_json, struct err *err) MUST_CHECK;

// PUT bytes to a presigned URL with the headers that were signed.
enum rc session_put(struct session *session, const char *url, const json_t *headers, const void *data, size_t length,
                    unsigned *ret_status, struct err *err) MUST_CHECK;

// An error of what a problem answer says.
enum rc session_refused(unsigned status, const json_t *problem, const char *what, struct err *err);
