// Keys of objects in the store: formatting and strict parsing.
//
//   originals bucket:  <media_id>/<32 lower-case hex digits of 128 random bits>
//   media bucket:      <media_id>/<generation>/<variant>.<extension>
//
// One object has one key: ids in lower-case canonical form, generations without leading zeros, extensions of our table.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "media/format.h"

// Room for any key and its NUL.
#define OBJECT_KEY_SIZE 112
#define OBJECT_KEY_RANDOM_BYTES 16

// A variant's name: a lower-case letter or digit, then letters, digits, '-' or '_'; at most 32 bytes.
#define VARIANT_NAME_SIZE 33

// Generations count from 1.
#define GENERATION_MAX 999999999u

struct object_key_variant {
	struct uuid media_id;
	uint32_t generation;
	char variant[VARIANT_NAME_SIZE];
	enum media_format format; // an output format
};

bool variant_name_is_valid(const char *name, size_t length);

// The key of an original. The random bytes are the caller's (random_fill): they keep keys from being guessed.
void object_key_format_original(const struct uuid *media_id, const uint8_t random[OBJECT_KEY_RANDOM_BYTES],
                                char ret_key[OBJECT_KEY_SIZE]);

// The key of a variant; returns its length. The parts must be valid (asserted).
size_t object_key_format_variant(const struct object_key_variant *parts, char ret_key[OBJECT_KEY_SIZE]);

// "<media_id>/": every key of a media in either bucket begins with it.
void object_key_format_prefix(const struct uuid *media_id, char ret_prefix[OBJECT_KEY_SIZE]);

// length bytes that are exactly the key of an original / of a variant; false (and nothing written) for anything else.
// ret_random may be NULL.
bool object_key_parse_original(const char *key, size_t length, struct uuid *ret_media_id,
                               uint8_t ret_random[OBJECT_KEY_RANDOM_BYTES]);
bool object_key_parse_variant(const char *key, size_t length, struct object_key_variant *ret_parts);

// The same for a variant's key without its extension (delivery paths whose format is negotiated): *ret_parts has
// FORMAT_NONE.
bool object_key_parse_negotiated(const char *key, size_t length, struct object_key_variant *ret_parts);
