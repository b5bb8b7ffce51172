// BlurHash: a picture in 28 characters, for clients that draw it in place of the picture (woltapp/blurhash describes
// it).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "transcoder/wire/wire.h"

// Encode width x height pixels (each at least 1) of straight RGBA, row by row without gaps, as seen over white: 4 x 3
// cosine terms, 3 x 4 of a portrait. Any thread.
void blurhash_encode(unsigned width, unsigned height, const uint8_t *rgba, char ret_hash[WIRE_BLURHASH_SIZE]);
