// Appending the pieces of binary files to a buffer.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

void bytes_put(struct buffer *out, const void *bytes, size_t length);
// A literal without its NUL.
#define BYTES_PUT(out, literal) bytes_put((out), (literal), sizeof(literal) - 1)

// The lowest `bytes` bytes of value, most / least significant first.
void bytes_put_be(struct buffer *out, uint32_t value, unsigned bytes);
void bytes_put_le(struct buffer *out, uint32_t value, unsigned bytes);

// A box of ISO media: everything appended between the two calls is inside. start: what the first returned.
size_t bytes_begin_box(struct buffer *out, const char *type);
void bytes_end_box(struct buffer *out, size_t start);
