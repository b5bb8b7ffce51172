// The pieces of binary files.
#include "tests/hostile/bytes.h"

void bytes_put(struct buffer *out, const void *bytes, size_t length)
{
	buffer_append(out, bytes, length);
}

void bytes_put_be(struct buffer *out, uint32_t value, unsigned bytes)
{
	while (bytes-- > 0)
		buffer_append_char(out, (char)(value >> (8 * bytes)));
}

void bytes_put_le(struct buffer *out, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buffer_append_char(out, (char)(value >> (8 * i)));
}

// A box of ISO media: everything appended between the two calls is inside.
size_t bytes_begin_box(struct buffer *out, const char *type)
{
	bytes_put_be(out, 0, 4);
	bytes_put(out, type, 4);
	return out->length - 8;
}

void bytes_end_box(struct buffer *out, size_t start)
{
	size_t length = out->length - start;

	for (size_t i = 0; i < 4; i++)
		out->data[start + i] = (char)(length >> 8 * (3 - i));
}
