// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a POST that is sent again does its work once.
//
// Keys count for one caller and one route. A repeated request gets the first one's answer again, with
// "Idempotency-Replayed: true"; another payload under the same key 422; one whose first is still being worked on 409
// with Retry-After. Only answers that tell of something done (2xx) are kept: after any other the key is free again. In
// the store stand a hash of the key and a fingerprint under it, so that neither a password in a body nor a key that
// serves elsewhere can be told from them. What a route's answers and keys may do, struct route says.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct http_request;

#define IDEMPOTENCY_KEY_SIZE 256

// The request's key: a structured field string (RFC 9651 §3.3.3), or a bare text as some clients send it; 1 to 255
// visible ASCII characters; "" when there is no such header. False: 400 was answered.
bool http_idempotency_key(struct http_request *request, char ret_key[IDEMPOTENCY_KEY_SIZE]);
