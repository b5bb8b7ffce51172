// The typed readers of a body's fields.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "http/body_priv.h"
#include "http/request_priv.h"

static struct arena *arena_of(const struct body *body)
{
	return body->report->request->arena;
}

const json_t *body_find_value(struct body *body, const char *name, enum body_need need)
{
	body_know(body, name);
	const json_t *value = json_object_get(body->json, name);
	if (value == NULL && need == BODY_REQUIRED)
		body_error(body, name, "is missing");
	if (json_is_null(value)) {
		if (need != BODY_NULLABLE)
			body_error(body, name, "must not be null");
		return NULL;
	}
	return value;
}

bool body_has(const struct body *body, const char *name)
{
	return json_object_get(body->json, name) != NULL;
}

bool body_is_null(const struct body *body, const char *name)
{
	return json_is_null(json_object_get(body->json, name));
}

static bool is_clean(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f)
			return false;
	}
	return true;
}

const char *body_check_text(const struct body *body, const json_t *value, const char *name, size_t index, size_t least,
                            size_t most)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);
	if (text == NULL || length < least || length > most) {
		body_add_error(body, name, index, "must be a text of %zu to %zu bytes", least, most);
		return NULL;
	}
	if (!is_clean(text)) {
		body_add_error(body, name, index, "must not have control characters");
		return NULL;
	}
	return text;
}

const char *body_text(struct body *body, const char *name, enum body_need need, size_t least, size_t most)
{
	const json_t *value = body_find_value(body, name, need);
	return value == NULL ? NULL : body_check_text(body, value, name, BODY_NO_INDEX, least, most);
}

int body_choice(struct body *body, const char *name, enum body_need need, const char *const *choices, int absent_value)
{
	const json_t *value = body_find_value(body, name, need);
	if (value == NULL)
		return absent_value;
	const char *text = json_string_value(value);
	char all[160] = "";
	size_t used = 0;
	for (int i = 0; choices[i] != NULL; i++) {
		if (text != NULL && strcmp(text, choices[i]) == 0)
			return i;
		int written = snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ", choices[i]);
		used = written < 0 || used + (size_t)written >= sizeof all ? sizeof all - 1 : used + (size_t)written;
	}
	body_error(body, name, "must be one of %s", all);
	return absent_value;
}

bool body_is_int(const json_t *value, int64_t least, int64_t most)
{
	return json_is_integer(value) && json_integer_value(value) >= least && json_integer_value(value) <= most;
}

int64_t body_int(struct body *body, const char *name, enum body_need need, int64_t least, int64_t most,
                 int64_t absent_value)
{
	const json_t *value = body_find_value(body, name, need);
	if (value != NULL && body_is_int(value, least, most))
		return json_integer_value(value);
	if (value != NULL)
		body_error(body, name, "must be a whole number from %" PRId64 " to %" PRId64, least, most);
	return absent_value;
}

double body_float(struct body *body, const char *name, enum body_need need, double least, double most,
                  double absent_value)
{
	const json_t *value = body_find_value(body, name, need);
	if (value == NULL)
		return absent_value;
	double number = json_number_value(value);
	if (json_is_number(value) && number >= least && number <= most)
		return number;
	body_error(body, name, "must be a number from %g to %g", least, most);
	return absent_value;
}

bool body_bool(struct body *body, const char *name, enum body_need need, bool absent_value)
{
	const json_t *value = body_find_value(body, name, need);
	if (json_is_boolean(value))
		return json_is_true(value);
	if (value != NULL)
		body_error(body, name, "must be true or false");
	return absent_value;
}

bool body_uuid(struct body *body, const char *name, enum body_need need, struct uuid *ret_id)
{
	const json_t *value = body_find_value(body, name, need);
	const char *text = json_string_value(value);
	if (text != NULL && uuid_parse(text, ret_id))
		return true;
	if (value != NULL)
		body_error(body, name, "must be a UUID");
	return false;
}

bool body_time(struct body *body, const char *name, enum body_need need, int64_t *ret_epoch_us)
{
	const json_t *value = body_find_value(body, name, need);
	const char *text = json_string_value(value);
	if (text != NULL && clock_parse_rfc3339(text, ret_epoch_us))
		return true;
	if (value != NULL)
		body_error(body, name, "must be a time of RFC 3339, like 2026-11-24T06:35:01Z");
	return false;
}

bool body_hex(struct body *body, const char *name, enum body_need need, void *ret_data, size_t length)
{
	const json_t *value = body_find_value(body, name, need);
	const char *text = json_string_value(value);
	if (text != NULL && decode_hex(text, json_string_length(value), ret_data, length))
		return true;
	if (value != NULL)
		body_error(body, name, "must be %zu hex digits", 2 * length);
	return false;
}

const char *body_json(struct body *body, const char *name, enum body_need need, size_t most)
{
	const json_t *value = body_find_value(body, name, need);
	if (value == NULL)
		return NULL;
	const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
	size_t length = json_dumpb(value, NULL, 0, flags);
	char *text = length == 0 || length > most ? NULL : arena_alloc(arena_of(body), length + 1);
	if (text == NULL) {
		body_error(body, name, "must be at most %zu bytes of JSON", most);
		return NULL;
	}
	(void)json_dumpb(value, text, length, flags);
	return text;
}

struct body *body_object(struct body *body, const char *name, enum body_need need)
{
	const json_t *value = body_find_value(body, name, need);
	if (json_is_object(value))
		return body_open_object(body->report, value, body, name, BODY_NO_INDEX);
	if (value != NULL)
		body_error(body, name, "must be an object");
	return NULL;
}
