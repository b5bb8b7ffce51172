// Text written into memory that the caller brought: never allocates, never overruns, remembers when it did not fit.
//
// Writers append without looking; the reader of the result asks span_ok() once. One thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct span {
	char *data;     // NUL-terminated from span_init on
	size_t size;    // bytes of data, the NUL included; >= 1
	size_t length;  // bytes written, without the NUL
	bool overflown; // an append did not fit; it and everything after it was dropped
};

void span_init(struct span *span, char *data, size_t size);
void span_append(struct span *span, const void *data, size_t length);
void span_append_text(struct span *span, const char *text);
void span_append_char(struct span *span, char character);

// Percent-encoded as SigV4 wants it: A-Z a-z 0-9 - . _ ~ stay, the rest becomes %XX in upper case; keep_slash leaves
// '/'.
void span_append_percent(struct span *span, const char *text, bool keep_slash);

// True for the characters that percent-encoding leaves alone (RFC 3986's unreserved).
bool span_is_unreserved(char character);

// Decimal digits of number.
void span_append_number(struct span *span, unsigned long long number);

// True when nothing was dropped.
bool span_ok(const struct span *span);
