// The parameters of a request's path and query.
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "http/request_priv.h"
#include "http/respond.h"

static const char *find_pair(const struct http_pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].name, name) == 0)
			return pairs->items[i].value;
	return NULL;
}

const char *http_request_parameter(const struct http_request *request, const char *name)
{
	const char *value = find_pair(&request->parameters, name);
	assert(value != NULL); // the route has no such {name}
	return value;
}

bool http_request_parameter_uuid(struct http_request *request, const char *name, struct uuid *ret_id)
{
	if (uuid_parse(http_request_parameter(request, name), ret_id))
		return true;
	http_respond_problem(request, 404, "not-found", "There is nothing of that id.");
	return false;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
	return find_pair(&request->query, name);
}

enum rc http_request_query_int(const struct http_request *request, const char *name, int64_t initial, int64_t least,
                               int64_t most, int64_t *ret_value, struct err *err)
{
	const char *text = http_request_query(request, name);
	if (text == NULL) {
		*ret_value = initial;
		return RC_OK;
	}
	char *end = NULL;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	const char *digits = *text == '-' ? text + 1 : text;
	if (errno != 0 || *digits < '0' || *digits > '9' || *end != '\0' || value < least || value > most)
		return err_set(err, RC_INVALID, "%s must be a whole number from %" PRId64 " to %" PRId64 ".", name,
		               least, most);
	*ret_value = value;
	return RC_OK;
}

bool http_request_query_only(struct http_request *request, const char *const *names)
{
	for (size_t i = 0; i < request->query.count; i++) {
		const char *const *known = names;
		while (*known != NULL && strcmp(*known, request->query.items[i].name) != 0)
			known++;
		if (*known != NULL)
			continue;
		http_respond_problem(request, 400, "unknown-parameter",
		                     "The query parameter \"%.64s\" is not known here.", request->query.items[i].name);
		return false;
	}
	return true;
}

size_t http_request_query_count(const struct http_request *request)
{
	return request->query.count;
}

void http_request_query_at(const struct http_request *request, size_t index, const char **ret_name,
                           const char **ret_value)
{
	assert(index < request->query.count);
	*ret_name = request->query.items[index].name;
	*ret_value = request->query.items[index].value;
}
