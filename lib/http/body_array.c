// The readers of a body's arrays and their elements.
#include <assert.h>
#include <inttypes.h>

#include "http/body_priv.h"

size_t body_array(struct body *body, const char *name, enum body_need need, size_t least, size_t most)
{
	const json_t *value = body_find_value(body, name, need);
	size_t size = json_array_size(value);
	if (json_is_array(value) && size >= least && size <= most)
		return size;
	if (value != NULL)
		body_error(body, name, "must be an array of %zu to %zu values", least, most);
	return 0;
}

static const json_t *element(const struct body *body, const char *name, size_t index)
{
	const json_t *value = json_array_get(json_object_get(body->json, name), index);
	assert(value != NULL); // index is below what body_array() returned
	return value;
}

const char *body_array_text(struct body *body, const char *name, size_t index, size_t least, size_t most)
{
	return body_check_text(body, element(body, name, index), name, index, least, most);
}

int64_t body_array_int(struct body *body, const char *name, size_t index, int64_t least, int64_t most)
{
	const json_t *value = element(body, name, index);
	if (body_is_int(value, least, most))
		return json_integer_value(value);
	body_add_error(body, name, index, "must be a whole number from %" PRId64 " to %" PRId64, least, most);
	return least;
}

bool body_array_uuid(struct body *body, const char *name, size_t index, struct uuid *ret_id)
{
	const char *text = json_string_value(element(body, name, index));
	if (text != NULL && uuid_parse(text, ret_id))
		return true;
	body_add_error(body, name, index, "must be a UUID");
	return false;
}

struct body *body_array_object(struct body *body, const char *name, size_t index)
{
	const json_t *value = element(body, name, index);
	if (json_is_object(value))
		return body_open_object(body->report, value, body, name, index);
	body_add_error(body, name, index, "must be an object");
	return NULL;
}
