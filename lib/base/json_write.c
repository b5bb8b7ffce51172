// Direct JSON output (RFC 8259).
#include "base/json_write.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/encoding.h"

void json_write_init(struct json_write *json, struct buffer *out)
{
	*json = (struct json_write){ .out = out };
}

static void append_quoted(struct buffer *out, const char *text, size_t length)
{
	size_t plain = 0; // start of the run that needs no escape
	buffer_append_char(out, '"');
	for (size_t at = 0; at < length;) {
		unsigned char character = (unsigned char)text[at];
		size_t sequence = character < 0x80 ? 1 : utf8_sequence_length(text + at, length - at);
		if (sequence > 0 && character >= 0x20 && character != '"' && character != '\\') {
			at += sequence;
			continue;
		}
		buffer_append(out, text + plain, at - plain);
		if (sequence == 0)
			buffer_append_text(out, "\xef\xbf\xbd"); // U+FFFD
		else if (character == '"' || character == '\\')
			buffer_append(out, (const char[]){ '\\', (char)character }, 2);
		else if (character == '\n')
			buffer_append_text(out, "\\n");
		else
			buffer_append_format(out, "\\u%04x", character);
		at++;
		plain = at;
	}
	buffer_append(out, text + plain, length - plain);
	buffer_append_char(out, '"');
}

// The comma and the name that come before any value.
static void begin_value(struct json_write *json, const char *name)
{
	if (json->has_member[json->depth])
		buffer_append_char(json->out, ',');
	json->has_member[json->depth] = true;
	if (name != NULL) {
		append_quoted(json->out, name, strlen(name));
		buffer_append_char(json->out, ':');
	}
}

static void descend(struct json_write *json, const char *name, char bracket)
{
	begin_value(json, name);
	buffer_append_char(json->out, bracket);
	json->depth++;
	assert(json->depth < JSON_WRITE_MAX_DEPTH);
	json->has_member[json->depth] = false;
}

static void ascend(struct json_write *json, char bracket)
{
	assert(json->depth > 0);
	json->depth--;
	buffer_append_char(json->out, bracket);
}

void json_write_object_begin(struct json_write *json, const char *name)
{
	descend(json, name, '{');
}

void json_write_object_end(struct json_write *json)
{
	ascend(json, '}');
}

void json_write_array_begin(struct json_write *json, const char *name)
{
	descend(json, name, '[');
}

void json_write_array_end(struct json_write *json)
{
	ascend(json, ']');
}

void json_write_text(struct json_write *json, const char *name, const char *text)
{
	if (text == NULL)
		json_write_null(json, name);
	else
		json_write_text_length(json, name, text, strlen(text));
}

void json_write_text_length(struct json_write *json, const char *name, const char *text, size_t length)
{
	begin_value(json, name);
	append_quoted(json->out, text, length);
}

void json_write_int(struct json_write *json, const char *name, int64_t value)
{
	begin_value(json, name);
	buffer_append_format(json->out, "%lld", (long long)value);
}

void json_write_float(struct json_write *json, const char *name, double value)
{
	if (!isfinite(value)) {
		json_write_null(json, name);
		return;
	}
	char text[32];
	for (int digits = 6; digits <= 17; digits++) {
		(void)snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	begin_value(json, name);
	buffer_append_text(json->out, text);
}

void json_write_bool(struct json_write *json, const char *name, bool value)
{
	begin_value(json, name);
	buffer_append_text(json->out, value ? "true" : "false");
}

void json_write_null(struct json_write *json, const char *name)
{
	begin_value(json, name);
	buffer_append_text(json->out, "null");
}

void json_write_raw(struct json_write *json, const char *name, const char *text, size_t length)
{
	begin_value(json, name);
	buffer_append(json->out, text, length);
}

void json_write_time(struct json_write *json, const char *name, int64_t epoch_us)
{
	char text[CLOCK_TEXT_SIZE];
	clock_format_rfc3339(epoch_us, text);
	json_write_text(json, name, text);
}
