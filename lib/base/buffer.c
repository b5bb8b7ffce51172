// The growable buffer.
#include "base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *buffer, size_t limit)
{
	*buffer = (struct buffer){ .limit = limit };
}

void buffer_done(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ .limit = buffer->limit };
}

void buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
	if (buffer->data != NULL)
		buffer->data[0] = '\0';
}

bool buffer_reserve(struct buffer *buffer, size_t extra)
{
	if (buffer->failed)
		return false;
	if (extra > buffer->limit || buffer->length > buffer->limit - extra) {
		buffer->failed = true;
		return false;
	}
	size_t wanted = buffer->length + extra + 1;
	if (wanted <= buffer->capacity)
		return true;
	size_t capacity = buffer->capacity == 0 ? 256 : buffer->capacity;
	while (capacity < wanted)
		capacity *= 2;
	char *data = realloc(buffer->data, capacity);
	if (data == NULL) {
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	if (!buffer_reserve(buffer, length))
		return;
	if (length > 0)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void buffer_append_char(struct buffer *buffer, char character)
{
	buffer_append(buffer, &character, 1);
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	va_list again;
	va_copy(again, arguments);
	int needed = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (needed < 0)
		buffer->failed = true;
	else if (buffer_reserve(buffer, (size_t)needed)) {
		(void)vsnprintf(buffer->data + buffer->length, (size_t)needed + 1, format, again);
		buffer->length += (size_t)needed;
	}
	va_end(again);
}

bool buffer_ok(const struct buffer *buffer)
{
	return !buffer->failed;
}

const char *buffer_text(const struct buffer *buffer)
{
	return buffer->data == NULL ? "" : buffer->data;
}

char *buffer_take(struct buffer *buffer, size_t *ret_length)
{
	char *data = buffer->failed ? NULL : buffer->data;
	if (data == NULL) {
		buffer_done(buffer);
		return NULL;
	}
	if (ret_length != NULL)
		*ret_length = buffer->length;
	*buffer = (struct buffer){ .limit = buffer->limit };
	return data;
}
