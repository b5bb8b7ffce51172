// Text into memory of a fixed size.
#include "store/span.h"

#include <assert.h>
#include <string.h>

void span_init(struct span *span, char *data, size_t size)
{
	assert(size >= 1);
	*span = (struct span){ .data = data, .size = size };
	data[0] = '\0';
}

void span_append(struct span *span, const void *data, size_t length)
{
	if (span->overflown || length >= span->size - span->length) {
		span->overflown = true;
		return;
	}
	memcpy(span->data + span->length, data, length);
	span->length += length;
	span->data[span->length] = '\0';
}

void span_append_text(struct span *span, const char *text)
{
	span_append(span, text, strlen(text));
}

void span_append_char(struct span *span, char character)
{
	span_append(span, &character, 1);
}

bool span_is_unreserved(char character)
{
	return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
	       (character >= '0' && character <= '9') || character == '-' || character == '.' || character == '_' ||
	       character == '~';
}

void span_append_percent(struct span *span, const char *text, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";
	for (; *text != '\0'; text++) {
		if (span_is_unreserved(*text) || (keep_slash && *text == '/')) {
			span_append_char(span, *text);
			continue;
		}
		unsigned char byte = (unsigned char)*text;
		char encoded[3] = { '%', digits[byte >> 4], digits[byte & 15] };
		span_append(span, encoded, sizeof encoded);
	}
}

void span_append_number(struct span *span, unsigned long long number)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	span_append(span, digits + at, sizeof digits - at);
}

bool span_ok(const struct span *span)
{
	return !span->overflown;
}
