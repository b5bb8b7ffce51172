// Problem bodies, and which problem an error code is.
#include "http/problem.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/log.h"
#include "http/request_priv.h"
#include "http/route.h"

#define PROBLEM_DETAIL_SIZE 1024

void problem_write(struct buffer *out, const struct http_request *request, unsigned status, const char *slug,
                   const char *detail, const struct http_field_error *errors, size_t count)
{
	char type[96];
	(void)snprintf(type, sizeof type, "/problems/%s", slug);
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "type", type);
	json_write_text(&json, "title", MHD_get_reason_phrase_for(status));
	json_write_int(&json, "status", status);
	json_write_text(&json, "detail", detail);
	json_write_text(&json, "instance", request->path);
	json_write_text(&json, "request_id", request->id);
	if (count > 0) {
		json_write_array_begin(&json, "errors");
		for (size_t i = 0; i < count; i++) {
			json_write_object_begin(&json, NULL);
			json_write_text(&json, "pointer", errors[i].pointer);
			json_write_text(&json, "detail", errors[i].detail);
			json_write_object_end(&json);
		}
		json_write_array_end(&json);
	}
	json_write_object_end(&json);
}

void http_respond_problem_fields(struct http_request *request, unsigned status, const char *slug, const char *detail,
                                 const struct http_field_error *errors, size_t count)
{
	struct buffer out;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	problem_write(&out, request, status, slug, detail, errors, count);
	http_respond_buffer(request, status, PROBLEM_CONTENT_TYPE, &out);
}

void http_respond_problem(struct http_request *request, unsigned status, const char *slug, const char *format, ...)
{
	char detail[PROBLEM_DETAIL_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(detail, sizeof detail, format, arguments);
	va_end(arguments);
	http_respond_problem_fields(request, status, slug, detail, NULL, 0);
}

struct rc_problem {
	unsigned status;
	const char *slug;
	const char *detail; // NULL: the error's own text
};

static struct rc_problem problem_of(enum rc rc)
{
	switch (rc) {
	case RC_INVALID:
		return (struct rc_problem){ 400, "invalid-request", NULL };
	case RC_CONFLICT:
		return (struct rc_problem){ 409, "conflict", NULL };
	case RC_LIMIT:
		return (struct rc_problem){ 413, "limit-exceeded", NULL };
	case RC_DENIED:
		return (struct rc_problem){ 403, "forbidden", "You may not do this." };
	case RC_NOT_FOUND:
		return (struct rc_problem){ 404, "not-found", "There is nothing here, or it is not yours." };
	case RC_EXISTS:
		return (struct rc_problem){ 409, "exists", "There is one already." };
	case RC_BUSY:
		return (struct rc_problem){ 503, "overloaded", "Too much is going on. Try again shortly." };
	case RC_TIMEOUT:
		return (struct rc_problem){ 503, "timeout", "This took too long. Try again shortly." };
	case RC_UNAVAILABLE:
		return (struct rc_problem){ 503, "unavailable", "Something this needs is down. Try again shortly." };
	case RC_OK:
	case RC_UNKNOWN:
	case RC_CORRUPT:
	case RC_NO_MEMORY:
	case RC_INTERNAL:
		break;
	}
	return (struct rc_problem){ 500, "internal", "Something went wrong on our side. Quote the request id." };
}

void http_respond_rc(struct http_request *request, const struct err *err)
{
	assert(err->rc != RC_OK);
	struct rc_problem problem = problem_of(err->rc);
	if (problem.status >= 500)
		LOG_FAILURE(problem.status == 503 ? LOG_WARNING : LOG_ERROR, "request_failed", err,
		            LOG_TEXT("request_id", request->id), LOG_TEXT("method", request->method),
		            LOG_TEXT("route", request->route == NULL ? NULL : request->route->path));
	if (problem.status == 503)
		http_respond_retry_after(request, 1);
	http_respond_problem(request, problem.status, problem.slug, "%s",
	                     problem.detail == NULL ? err->text : problem.detail);
}
