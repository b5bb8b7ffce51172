// A growable byte buffer with a hard cap and a sticky failure, always NUL-terminated.
//
// Writers append without looking; the reader of the result asks buffer_ok() once. A buffer belongs to one thread at a
// time.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *data;      // NUL-terminated once anything was appended; NULL before
	size_t length;   // bytes, without the NUL
	size_t capacity; // bytes allocated
	size_t limit;    // most bytes it may hold, without the NUL
	bool failed;     // an append was refused (no memory or over the limit); everything after it was dropped too
};

// An empty buffer that may grow to limit bytes. Nothing is allocated yet.
void buffer_init(struct buffer *buffer, size_t limit);

// Free the contents; the buffer may be initialised again. Accepts a zeroed one.
void buffer_done(struct buffer *buffer);

// Empty it for reuse, keeping its memory; clears the failure.
void buffer_clear(struct buffer *buffer);

// Make room for at least extra more bytes; false (and failed) when that is not possible.
bool buffer_reserve(struct buffer *buffer, size_t extra);

void buffer_append(struct buffer *buffer, const void *data, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char character);
void buffer_append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

// True when nothing was dropped.
bool buffer_ok(const struct buffer *buffer);

// The text so far; "" when nothing was appended. Never NULL.
const char *buffer_text(const struct buffer *buffer);

// Give the malloc'ed memory to the caller (who frees it) and leave the buffer empty. NULL when failed or when empty.
char *buffer_take(struct buffer *buffer, size_t *ret_length);
