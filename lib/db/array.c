// Array literals (PostgreSQL manual, 8.15.6 Array Input and Output Syntax).
#include "db/array.h"

#include <inttypes.h>

#include "base/buffer.h"
#include "base/uuid.h"

void db_array_of_uuids(struct buffer *out, const struct uuid *uuids, size_t count)
{
	char text[UUID_TEXT_SIZE];

	buffer_append_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_append_char(out, ',');
		uuid_format(&uuids[i], text);
		buffer_append_text(out, text);
	}
	buffer_append_char(out, '}');
}

static void append_quoted(struct buffer *out, const char *text)
{
	buffer_append_char(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buffer_append_char(out, '\\');
		buffer_append_char(out, *text);
	}
	buffer_append_char(out, '"');
}

void db_array_of_texts(struct buffer *out, const char *const *texts, size_t count)
{
	buffer_append_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_append_char(out, ',');
		if (texts[i] == NULL)
			buffer_append_text(out, "NULL");
		else
			append_quoted(out, texts[i]);
	}
	buffer_append_char(out, '}');
}

void db_array_of_int64(struct buffer *out, const int64_t *numbers, size_t count)
{
	buffer_append_char(out, '{');
	for (size_t i = 0; i < count; i++)
		buffer_append_format(out, i > 0 ? ",%" PRId64 : "%" PRId64, numbers[i]);
	buffer_append_char(out, '}');
}
