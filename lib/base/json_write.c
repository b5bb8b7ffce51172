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

// Bytes that stand for themselves in a JSON text: printable ASCII without the quote and the backslash. (A table would
// cost a cache line for each; the compiler makes two compares of this.)
static bool is_plain(unsigned char character)
{
	return character >= 0x20 && character < 0x80 && character != '"' && character != '\\';
}

// One character that is not plain; returns its length in the text.
static size_t append_special(struct buffer *out, const char *text, size_t left)
{
	unsigned char character = (unsigned char)*text;
	size_t sequence = character < 0x80 ? 1 : utf8_sequence_length(text, left);
	if (sequence == 0)
		buffer_append_text(out, "\xef\xbf\xbd"); // U+FFFD
	else if (character >= 0x80 || character == 0x7f)
		buffer_append(out, text, sequence);
	else if (character == '"' || character == '\\')
		buffer_append(out, (const char[]){ '\\', (char)character }, 2);
	else if (character == '\n')
		buffer_append_text(out, "\\n");
	else
		buffer_append_format(out, "\\u%04x", character);
	return sequence == 0 ? 1 : sequence;
}

// Texts are long runs of plain bytes: each is copied at once, into room that was made before.
static void append_quoted(struct buffer *out, const char *text, size_t length)
{
	if (!buffer_reserve(out, length + 2))
		return;
	buffer_append_char(out, '"');
	for (size_t at = 0; at < length;) {
		size_t plain = at;
		while (at < length && is_plain((unsigned char)text[at]))
			at++;
		if (at > plain)
			buffer_append(out, text + plain, at - plain);
		if (at < length)
			at += append_special(out, text + at, length - at);
	}
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
	char text[20]; // digits of INT64_MIN and its sign
	char *digit = text + sizeof text;
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	do
		*--digit = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (value < 0)
		*--digit = '-';
	begin_value(json, name);
	buffer_append(json->out, digit, (size_t)(text + sizeof text - digit));
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
