// Routes as JSON.
#include "http/route_list.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "http/builtin.h"

static const char *const AUTH_NAMES[] = {
	[ROUTE_PUBLIC] = "public", [ROUTE_OPTIONAL] = "optional", [ROUTE_USER] = "user", [ROUTE_ADMIN] = "admin"
};

static const char *const IDEMPOTENCY_NAMES[] = {
	[ROUTE_KEPT_ANSWER] = "kept", [ROUTE_SECRET_ANSWER] = "secret", [ROUTE_KEYS_ELSEWHERE] = "elsewhere"
};

// As lib/http/idempotency.c looks at keys: POSTs of a known caller; streamed bodies are their handlers'.
static const char *idempotency_of(const struct route *route)
{
	if (strcmp(route->method, "POST") != 0 || route->auth == ROUTE_PUBLIC)
		return NULL;
	return IDEMPOTENCY_NAMES[route->body == ROUTE_STREAMED ? ROUTE_KEYS_ELSEWHERE : route->idempotency];
}

static void write_route(struct json_write *json, const struct route *route)
{
	json_write_object_begin(json, NULL);
	json_write_text(json, "method", route->method);
	json_write_text(json, "path", route->path);
	json_write_text(json, "auth", AUTH_NAMES[route->auth]);
	if (route->body_limit == SIZE_MAX)
		json_write_null(json, "body_limit");
	else
		json_write_int(json, "body_limit", (int64_t)route->body_limit);
	json_write_bool(json, "streamed", route->body == ROUTE_STREAMED);
	json_write_text(json, "idempotency", idempotency_of(route));
	json_write_text(json, "summary", route->summary);
	json_write_object_end(json);
}

void http_route_list_print(FILE *out, const struct route *const *routes, size_t count)
{
	(void)fputs("[\n", out);
	for (size_t i = 0; i < count + builtin_route_count; i++) {
		struct buffer text;
		struct json_write json;
		buffer_init(&text, LIMIT_EVENT_BYTES);
		json_write_init(&json, &text);
		write_route(&json, i < count ? routes[i] : builtin_routes[i - count]);
		(void)fprintf(out, "%s%s\n", buffer_text(&text), i + 1 < count + builtin_route_count ? "," : "");
		buffer_done(&text);
	}
	(void)fputs("]\n", out);
}
