// The route table: paths cut into segments once, matched by a walk in order of precedence.
#include "http/router.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "http/request_priv.h"
#include "http/text.h"

#define ROUTER_MAX_SEGMENTS 16

struct segment {
	const char *text; // not NUL-terminated
	size_t length;
	bool is_parameter; // text is the name without braces
};

struct path_segments {
	struct segment items[ROUTER_MAX_SEGMENTS];
	size_t count;
};

struct router_entry {
	const struct route *route;
	size_t index; // in the array that was given
	struct path_segments path;
};

struct router {
	size_t count;
	struct router_entry entries[];
};

// False for more segments than any route has.
static bool cut_path(const char *path, struct path_segments *ret_path)
{
	ret_path->count = 0;
	for (const char *at = path; *at == '/'; at += strcspn(at, "/")) {
		at++;
		if (ret_path->count == ROUTER_MAX_SEGMENTS)
			return false;
		ret_path->items[ret_path->count++] = (struct segment){ .text = at, .length = strcspn(at, "/") };
	}
	return true;
}

static bool parse_route(const struct route *route, struct path_segments *ret_path)
{
	if (route->method == NULL || !text_is_token(route->method) || route->path == NULL || *route->path != '/' ||
	    route->handle == NULL || !cut_path(route->path, ret_path))
		return false;
	size_t parameters = 0;
	for (size_t i = 0; i < ret_path->count; i++) {
		struct segment *segment = &ret_path->items[i];
		if (segment->length == 0 && ret_path->count > 1)
			return false;
		if (memchr(segment->text, '{', segment->length) == NULL)
			continue;
		if (segment->length < 3 || segment->text[0] != '{' || segment->text[segment->length - 1] != '}')
			return false;
		segment->text++;
		segment->length -= 2;
		segment->is_parameter = true;
		parameters++;
	}
	return parameters <= HTTP_MAX_PARAMETERS;
}

// Fewer segments first; then literals before parameters, from the left; then by text, so that equals meet.
static int compare_entries(const void *left_entry, const void *right_entry)
{
	const struct router_entry *left = left_entry;
	const struct router_entry *right = right_entry;
	if (left->path.count != right->path.count)
		return left->path.count < right->path.count ? -1 : 1;
	for (size_t i = 0; i < left->path.count; i++) {
		const struct segment *a = &left->path.items[i];
		const struct segment *b = &right->path.items[i];
		if (a->is_parameter != b->is_parameter)
			return a->is_parameter ? 1 : -1;
		if (a->is_parameter)
			continue;
		if (a->length != b->length)
			return a->length < b->length ? -1 : 1;
		int order = memcmp(a->text, b->text, a->length);
		if (order != 0)
			return order;
	}
	return strcmp(left->route->method, right->route->method);
}

enum rc router_new(const struct route *const *routes, size_t count, struct router **ret_router, struct err *err)
{
	struct router *router = calloc(1, sizeof *router + count * sizeof router->entries[0]);
	if (router == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the routes");
	for (size_t i = 0; i < count; i++) {
		struct router_entry *entry = &router->entries[router->count++];
		entry->route = routes[i];
		entry->index = i;
		if (parse_route(routes[i], &entry->path))
			continue;
		free(router);
		return err_set(err, RC_INVALID, "route %zu is malformed: %s", i,
		               routes[i]->path == NULL ? "no path" : routes[i]->path);
	}
	qsort(router->entries, count, sizeof router->entries[0], compare_entries);
	for (size_t i = 1; i < count; i++) {
		const struct route *route = router->entries[i].route;
		if (compare_entries(&router->entries[i - 1], &router->entries[i]) != 0)
			continue;
		free(router);
		return err_set(err, RC_INVALID, "two routes for %s %s", route->method, route->path);
	}
	*ret_router = router;
	return RC_OK;
}

void router_free(struct router *router)
{
	free(router);
}

static bool path_fits(const struct router_entry *entry, const struct path_segments *path)
{
	if (entry->path.count != path->count)
		return false;
	for (size_t i = 0; i < path->count; i++) {
		const struct segment *wanted = &entry->path.items[i];
		const struct segment *given = &path->items[i];
		bool fits = wanted->is_parameter ? given->length > 0
		                                 : wanted->length == given->length &&
		                                           memcmp(wanted->text, given->text, given->length) == 0;
		if (!fits)
			return false;
	}
	return true;
}

static bool copy_parameter(struct http_request *request, const struct segment *name, const struct segment *value)
{
	struct buffer decoded;
	buffer_init(&decoded, LIMIT_REQUEST_HEADER_BYTES);
	bool good = decode_percent(&decoded, value->text, value->length, false) && buffer_ok(&decoded) &&
	            utf8_is_valid(buffer_text(&decoded), decoded.length);
	struct http_pair *pair = &request->parameters.items[request->parameters.count];
	if (good) {
		pair->name = arena_copy(request->arena, name->text, name->length);
		pair->value = arena_copy(request->arena, buffer_text(&decoded), decoded.length);
		request->parameters.count++;
		good = pair->name != NULL && pair->value != NULL;
	}
	buffer_done(&decoded);
	return good;
}

static bool copy_parameters(struct http_request *request, const struct router_entry *entry,
                            const struct path_segments *path)
{
	request->parameters.items =
	        arena_alloc(request->arena, HTTP_MAX_PARAMETERS * sizeof request->parameters.items[0]);
	if (request->parameters.items == NULL)
		return false;
	for (size_t i = 0; i < path->count; i++)
		if (entry->path.items[i].is_parameter &&
		    !copy_parameter(request, &entry->path.items[i], &path->items[i]))
			return false;
	return true;
}

enum router_result router_match(const struct router *router, struct http_request *request)
{
	struct path_segments path;
	if (!cut_path(request->path, &path))
		return ROUTER_NO_PATH;
	const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
	const struct router_entry *found = NULL;
	bool path_known = false;
	for (size_t i = 0; i < router->count && found == NULL; i++) {
		if (!path_fits(&router->entries[i], &path))
			continue;
		path_known = true;
		if (strcmp(router->entries[i].route->method, method) == 0)
			found = &router->entries[i];
	}
	if (found == NULL)
		return path_known ? ROUTER_NO_METHOD : ROUTER_NO_PATH;
	if (!copy_parameters(request, found, &path))
		return ROUTER_NO_PATH;
	request->route = found->route;
	request->route_index = found->index;
	return ROUTER_FOUND;
}

void router_append_allow(const struct router *router, const struct http_request *request, struct buffer *out)
{
	struct path_segments path;
	if (!cut_path(request->path, &path))
		return;
	bool options = false;
	for (size_t i = 0; i < router->count; i++) {
		const char *method = router->entries[i].route->method;
		if (!path_fits(&router->entries[i], &path) || strstr(buffer_text(out), method) != NULL)
			continue;
		options |= strcmp(method, "OPTIONS") == 0;
		buffer_append_format(out, "%s%s", out->length > 0 ? ", " : "", method);
		if (strcmp(method, "GET") == 0)
			buffer_append_text(out, ", HEAD");
	}
	if (!options)
		buffer_append_text(out, ", OPTIONS");
}
