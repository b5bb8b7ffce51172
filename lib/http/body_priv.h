// The body reader's fields, shared by its files; for lib/http alone.
#pragma once

#include <jansson.h>

#include "http/body.h"
#include "http/respond.h"

#define BODY_MAX_ERRORS 32

// What all objects of one body share.
struct body_report {
	struct http_request *request;
	struct body *objects; // every object that was opened, the newest first
	struct http_field_error errors[BODY_MAX_ERRORS];
	size_t error_count;
	bool has_unknown;
	bool has_wrong;
};

// Names that the handler has asked an object for; a chain, since most objects have few.
struct body_names {
	const char *names[6];
	size_t count;
	struct body_names *more;
};

struct body {
	struct body_report *report;
	struct body *next;
	const json_t *json; // the object; owned by the request
	const struct body *parent;
	const char *name; // in the parent; NULL for the whole body
	size_t index;     // in the parent's array of that name, or BODY_NO_INDEX
	struct body_names known;
};

#define BODY_NO_INDEX SIZE_MAX

// Put an object into the report. NULL (and an error in the report) without memory.
struct body *body_open_object(struct body_report *report, const json_t *json, const struct body *parent,
                              const char *name, size_t index);

// Report as wrong the object's field name (NULL: the object itself), its element index unless that is BODY_NO_INDEX.
void body_add_error(const struct body *body, const char *name, size_t index, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

// Note that the handler knows the name.
void body_know(struct body *body, const char *name);

// A field's value when there is one to look at; NULL (reported where that is wrong) otherwise.
const json_t *body_find_value(struct body *body, const char *name, enum body_need need);

// The text itself, which lives as long as the request; NULL (reported) when value is no text of that length.
const char *body_check_text(const struct body *body, const json_t *value, const char *name, size_t index, size_t least,
                            size_t most);

// True for a JSON integer in [least, most].
bool body_is_int(const json_t *value, int64_t least, int64_t most);
