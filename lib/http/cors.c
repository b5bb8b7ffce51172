// CORS by a list of origins.
#include "http/cors.h"

#include <stdlib.h>
#include <string.h>

#include "http/request_priv.h"
#include "http/respond.h"

#define CORS_MAX_ORIGINS 32

#define CORS_ALLOWED_HEADERS                                                                                                             \
	"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Range, Safelight-Position, traceparent, " \
	"X-Request-Id, X-Requested-With, X-HTTP-Method-Override, Tus-Resumable, Upload-Length, Upload-Offset, "                          \
	"Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Checksum"

struct cors {
	char *text; // the list, its commas turned into NULs
	const char *origins[CORS_MAX_ORIGINS];
	size_t count;
};

static bool is_origin(const char *text)
{
	const char *host = strstr(text, "://");
	return host != NULL && host != text && host[3] != '\0' && strpbrk(host + 3, "/?#@* ") == NULL;
}

struct cors *cors_new(const char *origins)
{
	struct cors *cors = calloc(1, sizeof *cors);
	if (cors == NULL || origins == NULL)
		return cors;
	cors->text = strdup(origins);
	char *position = NULL;
	for (char *one = cors->text == NULL ? NULL : strtok_r(cors->text, ", \t", &position); one != NULL;
	     one = strtok_r(NULL, ", \t", &position)) {
		if (!is_origin(one) || cors->count == CORS_MAX_ORIGINS) {
			cors_free(cors);
			return NULL;
		}
		cors->origins[cors->count++] = one;
	}
	return cors;
}

void cors_free(struct cors *cors)
{
	if (cors == NULL)
		return;
	free(cors->text);
	free(cors);
}

void cors_examine(const struct cors *cors, struct http_request *request)
{
	request->varies_by_origin = cors->count > 0;
	const char *origin = http_request_header(request, "Origin");
	for (size_t i = 0; origin != NULL && i < cors->count; i++)
		if (strcmp(cors->origins[i], origin) == 0)
			request->allow_origin = cors->origins[i];
}

bool cors_is_preflight(const struct http_request *request)
{
	return strcmp(request->method, "OPTIONS") == 0 && http_request_header(request, "Origin") != NULL &&
	       http_request_header(request, "Access-Control-Request-Method") != NULL;
}

void cors_answer_options(struct http_request *request, const char *allow)
{
	http_respond_header(request, "Allow", allow);
	if (cors_is_preflight(request) && request->allow_origin != NULL) {
		http_respond_header(request, "Access-Control-Allow-Methods", allow);
		http_respond_header(request, "Access-Control-Allow-Headers", CORS_ALLOWED_HEADERS);
		http_respond_header(request, "Access-Control-Max-Age", "600");
	}
	http_respond_empty(request, 204);
}
