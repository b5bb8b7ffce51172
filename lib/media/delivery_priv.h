// What verifying the two kinds of delivery URLs shares. Private to lib/media.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "media/delivery.h"

// A stretch of the request's own bytes.
struct slice {
	const char *data;
	size_t length;
};

#define DELIVERY_SIGNATURE_LENGTH 43 // base64url of SHA256_SIZE bytes
#define DELIVERY_MESSAGE_SIZE 1024

// The MAC of a grant's parts as they stand in the URL, behind a label with its LF. The parts are bounded by their
// grammar.
void delivery_mac(const struct hmac_key *key, const char *label, const struct slice parts[4],
                  uint8_t ret_mac[SHA256_SIZE]);

// Write "?e=…&k=…&s=…" behind path_length bytes of path: signed with the first key; last is the fourth part of the
// message. Returns the whole length.
size_t delivery_append_signature(const struct delivery_keys *keys, const char *label, int64_t expiry, struct slice last,
                                 char *url, size_t path_length, size_t size);

// The front of a query, up to the signature, and whether it has the form.
struct delivery_claim {
	struct slice expiry_text;
	struct slice key_id;
	int64_t expiry;
	uint8_t mac[SHA256_SIZE];
};
bool delivery_take_claim(struct slice *query, struct delivery_claim *ret_claim);

// Take `name=value` off the front of the query: the value runs to the next '&' or the end.
bool delivery_take_parameter(struct slice *query, const char *name, struct slice *ret_value);

// The claim against the keys and the time.
enum delivery_verdict delivery_judge(const struct delivery_keys *keys, const char *label, struct slice path,
                                     const struct delivery_claim *claim, struct slice last, int64_t now);
