// Writes JSON straight into a buffer, without an intermediate tree (hot answers, logs). Reading JSON is jansson's work.
//
// Commas and escaping are looked after; nesting is the caller's duty (asserted). A name is given inside objects, NULL
// in arrays and at the top. Text must be UTF-8: broken bytes are written as U+FFFD, so the result is always valid JSON.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

#define JSON_WRITE_MAX_DEPTH 32

struct json_write {
	struct buffer *out;
	unsigned depth;
	bool has_member[JSON_WRITE_MAX_DEPTH];
};

void json_write_init(struct json_write *json, struct buffer *out);
void json_write_object_begin(struct json_write *json, const char *name);
void json_write_object_end(struct json_write *json);
void json_write_array_begin(struct json_write *json, const char *name);
void json_write_array_end(struct json_write *json);
// NULL text is written as null.
void json_write_text(struct json_write *json, const char *name, const char *text);
void json_write_text_length(struct json_write *json, const char *name, const char *text, size_t length);
void json_write_int(struct json_write *json, const char *name, int64_t value);
// Shortest form that reads back; NaN and infinities are written as null.
void json_write_float(struct json_write *json, const char *name, double value);
void json_write_bool(struct json_write *json, const char *name, bool value);
void json_write_null(struct json_write *json, const char *name);
// Text that is JSON already (a jsonb column): written as it is.
void json_write_raw(struct json_write *json, const char *name, const char *text, size_t length);
// RFC 3339 with milliseconds, quoted.
void json_write_time(struct json_write *json, const char *name, int64_t epoch_us);
