// Typed reading of a JSON object body. A handler asks for each field it knows; every wrong, missing or unknown field is
// collected, and body_finish() answers with all of them at once.
//
// struct body *body = body_open(request);
// if (body == NULL)
//         return;                                     // 415 or 400 has been answered
// const char *filename = body_text(body, "filename", BODY_REQUIRED, 1, LIMIT_FILENAME_BYTES);
// int64_t size = body_int(body, "size", BODY_REQUIRED, 1, max_bytes, 0);
// if (!body_finish(body))
//         return;                                     // 400 or 422 has been answered
//
// Syntax (415, 400 invalid-json): Content-Type application/json, valid UTF-8, an object, no duplicate names, no NUL, at
// most LIMIT_JSON_DEPTH deep, nothing after it. Unknown names: 400 unknown-field. Wrong values: 422 invalid-field.
// Before body_finish() has returned true the values are only good for body_error(). Texts live as long as the request.
// JSON null counts as wrong for REQUIRED and OPTIONAL fields, as absent for NULLABLE ones.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

struct body; // an object: the whole body, or one within it
struct http_request;

enum body_need {
	BODY_REQUIRED,
	BODY_OPTIONAL, // may be left out
	BODY_NULLABLE, // may be left out or null; body_is_null() tells
};

// NULL when the problem has been answered.
struct body *body_open(struct http_request *request);

// True when everything was right; else the problem has been answered. Call it on what body_open() gave.
bool body_finish(struct body *body);

// Report a field (NULL: the object itself) by a check of the handler's own.
void body_error(struct body *body, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

// Whether the field was sent (null included) / sent as null. Neither makes the name known: read it too.
bool body_has(const struct body *body, const char *name);
bool body_is_null(const struct body *body, const char *name);

// UTF-8 without control characters other than tab and line ends, from least to most bytes. NULL when absent or wrong.
const char *body_text(struct body *body, const char *name, enum body_need need, size_t least, size_t most);

// One of the NULL-terminated choices: its index; absent_value when absent or wrong.
int body_choice(struct body *body, const char *name, enum body_need need, const char *const *choices, int absent_value);

// A JSON integer in [least, most]; absent_value when absent or wrong.
int64_t body_int(struct body *body, const char *name, enum body_need need, int64_t least, int64_t most,
                 int64_t absent_value);

// A JSON number in [least, most]; absent_value when absent or wrong.
double body_float(struct body *body, const char *name, enum body_need need, double least, double most,
                  double absent_value);

bool body_bool(struct body *body, const char *name, enum body_need need, bool absent_value);

// False when absent or wrong.
bool body_uuid(struct body *body, const char *name, enum body_need need, struct uuid *ret_id);

// RFC 3339 text as microseconds since the epoch. False when absent or wrong.
bool body_time(struct body *body, const char *name, enum body_need need, int64_t *ret_epoch_us);

// Exactly length bytes as 2 * length hex digits. False when absent or wrong.
bool body_hex(struct body *body, const char *name, enum body_need need, void *ret_data, size_t length);

// Any JSON value as compact JSON text of at most most bytes, its names unchecked. NULL when absent or wrong.
const char *body_json(struct body *body, const char *name, enum body_need need, size_t most);

// An object within. NULL when absent or wrong.
struct body *body_object(struct body *body, const char *name, enum body_need need);

// An array of least to most values: its length, 0 when absent or wrong. Then read each element by index.
size_t body_array(struct body *body, const char *name, enum body_need need, size_t least, size_t most);

// Elements of the array field name, index below what body_array() returned. Wrong ones are reported as "/name/index".
const char *body_array_text(struct body *body, const char *name, size_t index, size_t least, size_t most);
int64_t body_array_int(struct body *body, const char *name, size_t index, int64_t least, int64_t most);
bool body_array_uuid(struct body *body, const char *name, size_t index, struct uuid *ret_id);
struct body *body_array_object(struct body *body, const char *name, size_t index);
