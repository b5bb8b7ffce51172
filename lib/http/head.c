// Copies and checks a request's head.
#include "http/head.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "http/head_lines.h"
#include "http/request_priv.h"
#include "http/respond.h"
#include "http/text.h"
#include "http/trace.h"

size_t head_leave_escaped(void *context, struct MHD_Connection *mhd, char *text)
{
	(void)context;
	(void)mhd;
	return strlen(text);
}

// What the callbacks of one MHD_get_connection_values run share.
struct head_copy {
	struct http_request *request;
	struct http_pairs *pairs;
	size_t room;
	size_t bytes;
	struct head_lines lines;
	const char *problem; // a sentence for the client; NULL: all well
	unsigned status;
};

static enum MHD_Result copy_failed(struct head_copy *copy, unsigned status, const char *problem)
{
	copy->problem = problem;
	copy->status = status;
	return MHD_NO;
}

static bool add_pair(struct head_copy *copy, const char *name, const char *value)
{
	if (name == NULL || value == NULL)
		return false;
	copy->pairs->items[copy->pairs->count++] = (struct http_pair){ name, value };
	return true;
}

static enum MHD_Result copy_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct head_copy *copy = context;
	struct arena *arena = copy->request->arena;
	(void)kind;
	if (value == NULL)
		value = "";
	else
		head_lines_add(&copy->lines, name, value);
	copy->bytes += strlen(name) + strlen(value) + 4;
	if (copy->pairs->count == copy->room || copy->bytes > LIMIT_REQUEST_HEADER_BYTES)
		return copy_failed(copy, 431, "The headers are too many or too long.");
	if (!text_is_token(name))
		return copy_failed(copy, 400, "A header's name has characters that are not allowed.");
	if (!text_is_field_value(value))
		return copy_failed(copy, 400, "A header's value has control characters.");
	if (!add_pair(copy, arena_copy_text(arena, name), arena_copy_text(arena, value)))
		return copy_failed(copy, 431, "The headers are too long.");
	return MHD_YES;
}

static const char *decode_text(struct arena *arena, const char *text)
{
	struct buffer decoded;
	buffer_init(&decoded, LIMIT_REQUEST_HEADER_BYTES);
	char *copy = NULL;
	if (decode_percent(&decoded, text, strlen(text), false) && buffer_ok(&decoded) &&
	    utf8_is_valid(buffer_text(&decoded), decoded.length))
		copy = arena_copy(arena, buffer_text(&decoded), decoded.length);
	buffer_done(&decoded);
	return copy;
}

// libmicrohttpd has split the query at '&' and '=' and turned '+' into a space; the percent signs are still there.
static enum MHD_Result copy_query(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct head_copy *copy = context;
	struct http_request *request = copy->request;
	(void)kind;
	if (copy->pairs->count == copy->room)
		return copy_failed(copy, 400, "The query has too many parameters.");
	if (*name == '\0' && (value == NULL || *value == '\0'))
		return MHD_YES; // "?", "&&"
	const char *decoded = decode_text(request->arena, name);
	if (!add_pair(copy, decoded, decode_text(request->arena, value == NULL ? "" : value)))
		return copy_failed(copy, 400, "The query is not percent-encoded UTF-8.");
	for (size_t i = 0; i + 1 < copy->pairs->count; i++)
		if (strcmp(copy->pairs->items[i].name, decoded) == 0)
			return copy_failed(copy, 400, "A query parameter is given twice.");
	return MHD_YES;
}

static bool copy_pairs(struct head_copy *copy, struct MHD_Connection *mhd, enum MHD_ValueKind kind, size_t room,
                       MHD_KeyValueIterator copy_one, struct http_pairs *pairs)
{
	int count = MHD_get_connection_values(mhd, kind, NULL, NULL);
	if (count <= 0)
		return true;
	copy->pairs = pairs;
	copy->room = (size_t)count < room ? (size_t)count : room;
	pairs->items = arena_alloc(copy->request->arena, copy->room * sizeof pairs->items[0]);
	if (pairs->items == NULL)
		copy_failed(copy, 431, "The headers are too long.");
	else
		(void)MHD_get_connection_values(mhd, kind, copy_one, copy);
	return copy->problem == NULL;
}

// Headers of which a second one would mean two things at once.
static const char *const SINGLE_HEADERS[] = { "Host",         "Content-Length", "Transfer-Encoding",
	                                      "Content-Type", "Authorization",  "Expect" };

// RFC 9112 §6.3: what two parsers could understand differently is refused.
static const char *check_framing(const struct http_request *request)
{
	for (size_t i = 0; i < sizeof SINGLE_HEADERS / sizeof SINGLE_HEADERS[0]; i++)
		if (request_header_count(request, SINGLE_HEADERS[i]) > 1)
			return "A header that may be given once is given twice.";
	const char *length = http_request_header(request, "Content-Length");
	const char *encoding = http_request_header(request, "Transfer-Encoding");
	if (length != NULL && encoding != NULL)
		return "Content-Length and Transfer-Encoding are both given.";
	if (encoding != NULL && strcasecmp(encoding, "chunked") != 0)
		return "Transfer-Encoding is something else than chunked.";
	if (length != NULL && (*length == '\0' || strspn(length, "0123456789") != strlen(length)))
		return "Content-Length is not a number.";
	const char *expect = http_request_header(request, "Expect");
	if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
		return "Expect is something else than 100-continue.";
	return NULL;
}

static const char *check_request_line(const char *target, const char *method, const char *version)
{
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return "The HTTP version is neither 1.1 nor 1.0.";
	if (!text_is_token(method) || strlen(method) > 32)
		return "The method is not a token.";
	if (!text_is_path(target))
		return "The request target is not a path of RFC 3986.";
	return NULL;
}

static void find_request_id(struct http_request *request)
{
	const char *given = http_request_header(request, "X-Request-Id");
	size_t length = given == NULL ? 0 : strlen(given);
	if (length >= 1 && length < sizeof request->id && strspn(given, TEXT_ID_CHARACTERS) == length) {
		memcpy(request->id, given, length + 1);
		return;
	}
	struct uuid id = uuid_new();
	uuid_format(&id, request->id);
}

// W3C Trace Context §3.2, version 00: keep the caller's trace and flags, put our own span; else begin a new trace.
static void find_trace(struct http_request *request)
{
	trace_new_span(http_request_header(request, "traceparent"), request->traceparent);
}

static bool is_address(const char *text)
{
	unsigned char address[16];
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

// The last entry is the one our own edge appended.
static void find_client(struct http_request *request, const char *peer, bool peer_is_trusted)
{
	size_t count = peer_is_trusted ? request_header_count(request, "X-Forwarded-For") : 0;
	if (count > 0) {
		const char *list = request_header_at(request, "X-Forwarded-For", count - 1);
		const char *comma = strrchr(list, ',');
		const char *last = comma == NULL ? list : comma + 1;
		last += strspn(last, " \t");
		if (is_address(last)) {
			request->client = last;
			return;
		}
	}
	const char *copied = arena_copy_text(request->arena, peer);
	request->client = copied == NULL ? "" : copied;
}

// One space stands between the parts of the request line, and no NUL cuts the target short.
static bool request_line_is_whole(const struct http_request *request, const char *target, const char *method,
                                  const char *version)
{
	const char *behind = target + strlen(target) + 1;
	return target == method + strlen(method) + 1 &&
	       (request->query.count > 0 || version == behind || version == behind + 1); // the latter: "?"
}

static size_t head_size(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	return info == NULL ? 0 : info->header_size;
}

// libmicrohttpd refuses what does not fit into the connection's memory, which may be more than a head shall have.
static void check_size(struct head_copy *copy, struct MHD_Connection *mhd, const char *target, const char *version)
{
	if (head_size(mhd) <= LIMIT_REQUEST_HEADER_BYTES)
		return;
	if (version - target > LIMIT_REQUEST_HEADER_BYTES / 2)
		copy_failed(copy, 414, "The request target is too long.");
	else
		copy_failed(copy, 431, "The headers are too long.");
}

bool head_read(struct http_request *request, struct MHD_Connection *mhd, const char *target, const char *method,
               const char *version, const char *peer, bool peer_is_trusted)
{
	struct head_copy copy = { .request = request, .status = 400 };
	copy.problem = check_request_line(target, method, version);
	if (copy.problem == NULL)
		check_size(&copy, mhd, target, version);
	if (copy.problem == NULL) {
		const char *copied = arena_copy_text(request->arena, target);
		request->path = copied == NULL ? "/" : copied;
		copied = arena_copy_text(request->arena, method);
		request->method = copied == NULL ? "" : copied;
	}
	head_lines_begin(&copy.lines, method, version + strlen(version));
	if (copy.problem == NULL &&
	    copy_pairs(&copy, mhd, MHD_HEADER_KIND, HTTP_MAX_HEADERS, copy_header, &request->headers) &&
	    copy_pairs(&copy, mhd, MHD_GET_ARGUMENT_KIND, HTTP_MAX_QUERY, copy_query, &request->query)) {
		copy.problem = check_framing(request);
		if (copy.problem == NULL && head_lines_apply() &&
		    !(head_lines_finish(&copy.lines, head_size(mhd)) &&
		      request_line_is_whole(request, target, method, version)))
			copy.problem =
			        "The head has NULs or stray spaces, or lines that are folded or do not end with CR LF.";
	}
	find_request_id(request);
	find_trace(request);
	find_client(request, peer, peer_is_trusted);
	if (copy.problem == NULL)
		return true;
	request->closes = true;
	http_respond_problem(request, copy.status, "bad-request-head", "%s", copy.problem);
	return false;
}
