// Share links as text and JSON, for their owners.
#pragma once

#include <stdbool.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "metadata-api/share_store.h"

struct http_request;
struct json_write;

#define SHARE_TOKEN_BYTES 32
#define SHARE_TOKEN_SIZE BASE64_TEXT_SIZE(SHARE_TOKEN_BYTES)

// A new random token and the hash under which it is stored.
void share_token_new(char ret_token[SHARE_TOKEN_SIZE], uint8_t ret_hash[SHA256_SIZE]);

// The hash of the {token} of the path. False when it cannot be one of ours: 404 has been answered.
bool share_token_read(struct http_request *request, uint8_t ret_hash[SHA256_SIZE]);

// Write a share's object. token NULL: left out, since it is known only when it is made.
void share_view_write(struct http_request *request, struct json_write *json, const struct share_row *share,
                      const char *token);

// Answer a failed share_… call.
void share_view_fail(struct http_request *request, const struct err *err);
