// ThumbHash: a picture in at most 25 bytes, shown blurred until the thumbnail has come (evanw/thumbhash describes it).
#pragma once

#include <stddef.h>
#include <stdint.h>

#define THUMBHASH_SIDE_MOST 100
#define THUMBHASH_BYTES 25

// Encode width x height pixels (each 1..THUMBHASH_SIDE_MOST) of straight (not premultiplied) RGBA, row by row without
// gaps. Returns the length of the hash; 0 when there is no memory. Any thread.
size_t thumbhash_encode(unsigned width, unsigned height, const uint8_t *rgba, uint8_t ret_hash[THUMBHASH_BYTES]);
