// Opens a JSON body, collects errors, answers with them.
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/limits.h"
#include "http/body_priv.h"
#include "http/json_scan.h"
#include "http/request_priv.h"

// "application/json", with no parameter or charset=utf-8.
static bool is_json_type(const char *type)
{
	static const char wanted[] = "application/json";
	static const char charset[] = "charset=";
	if (type == NULL || strncasecmp(type, wanted, sizeof wanted - 1) != 0)
		return false;
	type += sizeof wanted - 1;
	type += strspn(type, " \t");
	if (*type == '\0')
		return true;
	if (*type++ != ';')
		return false;
	type += strspn(type, " \t");
	if (strncasecmp(type, charset, sizeof charset - 1) != 0)
		return false;
	type += sizeof charset - 1;
	return strcasecmp(type, "utf-8") == 0 || strcasecmp(type, "\"utf-8\"") == 0;
}

static json_t *parse(struct http_request *request)
{
	size_t length = 0;
	const char *text = http_request_body(request, &length);
	switch (json_scan(text, length, LIMIT_JSON_DEPTH, JSON_SCAN_MAX_VALUES)) {
	case JSON_SCAN_TOO_DEEP:
		http_respond_problem(request, 400, "invalid-json", "The JSON is nested more than %d deep.",
		                     LIMIT_JSON_DEPTH);
		return NULL;
	case JSON_SCAN_TOO_MANY:
		http_respond_problem(request, 400, "invalid-json", "The JSON has more than %d values.",
		                     JSON_SCAN_MAX_VALUES);
		return NULL;
	case JSON_SCAN_GOOD:
		break;
	}
	json_error_t error;
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL) {
		http_respond_problem(request, 400, "invalid-json",
		                     "The body is not valid JSON: line %d, column %d: %s.", error.line, error.column,
		                     error.text);
		return NULL;
	}
	if (!json_is_object(json)) {
		json_decref(json);
		http_respond_problem(request, 400, "invalid-json", "The body must be a JSON object.");
		return NULL;
	}
	return json;
}

struct body *body_open(struct http_request *request)
{
	assert(request->json == NULL); // a body is opened once
	if (!is_json_type(http_request_header(request, "Content-Type")) ||
	    http_request_header(request, "Content-Encoding") != NULL) {
		http_respond_problem(request, 415, "unsupported-media-type",
		                     "Send the body as Content-Type: application/json, in UTF-8, not compressed.");
		return NULL;
	}
	json_t *json = parse(request);
	if (json == NULL)
		return NULL;
	request->json = json; // freed with the request
	struct body_report *report = arena_alloc(request->arena, sizeof *report);
	struct body *body = NULL;
	if (report != NULL) {
		report->request = request;
		body = body_open_object(report, json, NULL, NULL, BODY_NO_INDEX);
	}
	if (body == NULL)
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for reading the body" });
	return body;
}

struct body *body_open_object(struct body_report *report, const json_t *json, const struct body *parent,
                              const char *name, size_t index)
{
	struct body *body = arena_alloc(report->request->arena, sizeof *body);
	if (body == NULL) {
		if (parent != NULL)
			body_add_error(parent, name, index, "is too much to be read");
		return NULL;
	}
	*body = (struct body){
		.report = report, .next = report->objects, .json = json, .parent = parent, .name = name, .index = index
	};
	report->objects = body;
	return body;
}

// ---- errors -------------------------------------------------------------------------------------------------------

// RFC 6901: "~" and "/" are escaped within names.
static void append_name(struct buffer *out, const char *name)
{
	buffer_append_char(out, '/');
	for (; *name != '\0'; name++) {
		if (*name == '~' || *name == '/')
			buffer_append_text(out, *name == '~' ? "~0" : "~1");
		else
			buffer_append_char(out, *name);
	}
}

static void append_pointer(struct buffer *out, const struct body *body, const char *name, size_t index)
{
	if (body->parent != NULL)
		append_pointer(out, body->parent, body->name, body->index);
	if (name != NULL)
		append_name(out, name);
	if (index != BODY_NO_INDEX)
		buffer_append_format(out, "/%zu", index);
}

static void add_error(const struct body *body, const char *name, size_t index, const char *detail)
{
	struct body_report *report = body->report;
	if (report->error_count == BODY_MAX_ERRORS)
		return;
	struct arena *arena = report->request->arena;
	struct buffer pointer;
	buffer_init(&pointer, LIMIT_REQUEST_BODY_BYTES);
	append_pointer(&pointer, body, name, index);
	const struct http_field_error error = { .pointer = arena_copy_text(arena, buffer_text(&pointer)),
		                                .detail = arena_copy_text(arena, detail) };
	if (error.pointer != NULL && error.detail != NULL)
		report->errors[report->error_count++] = error;
	buffer_done(&pointer);
}

void body_add_error(const struct body *body, const char *name, size_t index, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	body->report->has_wrong = true;
	add_error(body, name, index, text);
}

void body_error(struct body *body, const char *name, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	body_add_error(body, name, BODY_NO_INDEX, "%s", text);
}

// ---- unknown names ------------------------------------------------------------------------------------------------

static bool is_known(const struct body *body, const char *name)
{
	for (const struct body_names *names = &body->known; names != NULL; names = names->more)
		for (size_t i = 0; i < names->count; i++)
			if (strcmp(names->names[i], name) == 0)
				return true;
	return false;
}

void body_know(struct body *body, const char *name)
{
	if (is_known(body, name))
		return;
	struct body_names *names = &body->known;
	while (names->count == sizeof names->names / sizeof names->names[0]) {
		if (names->more == NULL)
			names->more = arena_alloc(body->report->request->arena, sizeof *names);
		if (names->more == NULL) {
			body_add_error(body, NULL, BODY_NO_INDEX, "is too much to be read");
			return;
		}
		names = names->more;
	}
	names->names[names->count++] = name;
}

static void find_unknown(const struct body *body)
{
	const char *name = NULL;
	json_t *value = NULL;
	json_object_foreach((json_t *)(uintptr_t)body->json, name, value)
	{
		if (is_known(body, name))
			continue;
		body->report->has_unknown = true;
		add_error(body, name, BODY_NO_INDEX, "is not known here");
	}
}

bool body_finish(struct body *body)
{
	struct body_report *report = body->report;
	for (const struct body *object = report->objects; object != NULL; object = object->next)
		find_unknown(object);
	// The report goes with the request, which the answer gives up.
	bool is_good = !report->has_unknown && !report->has_wrong;
	if (report->has_unknown)
		http_respond_problem_fields(report->request, 400, "unknown-field",
		                            "The body has fields that are not known here.", report->errors,
		                            report->error_count);
	else if (!is_good)
		http_respond_problem_fields(report->request, 422, "invalid-field",
		                            "Some fields of the body are missing or wrong.", report->errors,
		                            report->error_count);
	return is_good;
}
