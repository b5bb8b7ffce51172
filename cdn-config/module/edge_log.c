// What the logs say of a request: its method and path, but never the query (signatures, hook tokens) nor what follows
// /v1/shared/ (share tokens).
//
// A line of the access log is written here as a whole: put together from nginx's variables it took a fifth of the work
// of a whole hit.
#include "cdn-config/module/edge.h"

#define SHARED_PREFIX "/v1/shared/"

ngx_str_t edge_log_path(const ngx_http_request_t *request)
{
	u_char *uri = request->unparsed_uri.data;
	size_t length = request->unparsed_uri.len;
	const size_t prefix_length = sizeof(SHARED_PREFIX) - 1;
	if (length > prefix_length && ngx_memcmp(uri, SHARED_PREFIX, prefix_length) == 0)
		return (ngx_str_t){ prefix_length, uri };
	const u_char *mark = length > 0 ? memchr(uri, '?', length) : NULL;
	return (ngx_str_t){ mark != NULL ? (size_t)(mark - uri) : length, uri };
}

static u_char *describe(ngx_http_request_t *request, ngx_http_request_t *current, u_char *text, size_t length)
{
	ngx_str_t path = edge_log_path(request);
	u_char *end = ngx_snprintf(text, length, ", request: \"%V %V\"", &request->method_name, &path);
	const ngx_http_upstream_t *upstream = current != NULL ? current->upstream : NULL;
	if (upstream != NULL && upstream->peer.name != NULL)
		end = ngx_snprintf(end, length - (size_t)(end - text), ", upstream: \"%V\"", upstream->peer.name);
	return end;
}

ngx_int_t edge_log_hide_query(ngx_http_request_t *request)
{
	request->log_handler = describe;
	return NGX_DECLINED;
}

// Where a line is being written; room for everything is made before. (Inline: the lengths of literals are constants.)
static inline u_char *put_text(u_char *at, const char *text)
{
	return ngx_cpymem(at, text, strlen(text));
}

static u_char *put_string(u_char *at, ngx_str_t text)
{
	return text.len > 0 ? ngx_cpymem(at, text.data, text.len) : at;
}

// A text inside of a JSON string.
struct json_text {
	ngx_str_t text;
	size_t escapes; // bytes that escaping adds
};

static struct json_text json_text_of(ngx_str_t text)
{
	return (struct json_text){ text, text.len > 0 ? ngx_escape_json(NULL, text.data, text.len) : 0 };
}

static u_char *put_json(u_char *at, const struct json_text *json)
{
	if (json->escapes == 0)
		return put_string(at, json->text);
	return (u_char *)ngx_escape_json(at, json->text.data, json->text.len);
}

static size_t json_length(const struct json_text *json)
{
	return json->text.len + json->escapes;
}

static ngx_uint_t status_of(const ngx_http_request_t *request)
{
	return request->err_status != 0 ? request->err_status : request->headers_out.status;
}

static uint64_t elapsed_ms(const ngx_http_request_t *request)
{
	const ngx_time_t *now = ngx_timeofday();
	int64_t elapsed = (int64_t)(now->sec - request->start_sec) * 1000;
	elapsed += (int64_t)now->msec - (int64_t)request->start_msec;
	return elapsed > 0 ? (uint64_t)elapsed : 0;
}

// The texts of a line that others have written.
struct line_texts {
	struct json_text method, path, user_agent;
	struct json_text upstream[EDGE_UPSTREAM_WORDS];
};

// nginx's words on the servers that were asked: addresses, statuses, times. Empty when the cache had the answer.
static void find_upstream(ngx_http_request_t *request, struct line_texts *texts)
{
	if (request->upstream_states == NULL || request->upstream_states->nelts == 0)
		return;
	const struct edge_main_conf *edge = ngx_http_get_module_main_conf(request, ngx_http_safelight_module);
	for (size_t i = 0; i < EDGE_UPSTREAM_WORDS; i++) {
		const ngx_http_variable_value_t *value =
		        ngx_http_get_indexed_variable(request, (ngx_uint_t)edge->upstream_indexes[i]);
		if (value != NULL && !value->not_found)
			texts->upstream[i] = json_text_of((ngx_str_t){ value->len, value->data });
	}
}

static void find_texts(ngx_http_request_t *request, struct line_texts *texts)
{
	ngx_memzero(texts, sizeof(*texts));
	const struct edge_context *context = edge_context_find(request);
	// What was verified has letters, digits and few marks in its path: nothing to escape.
	if (context != NULL && context->object_key.len > 0) {
		texts->method.text = request->method_name;
		texts->path.text = edge_log_path(request);
	} else {
		texts->method = json_text_of(request->method_name);
		texts->path = json_text_of(edge_log_path(request));
	}
	if (request->headers_in.user_agent != NULL)
		texts->user_agent = json_text_of(request->headers_in.user_agent->value);
	find_upstream(request, texts);
}

static size_t texts_length(const struct line_texts *texts)
{
	size_t length = json_length(&texts->method) + json_length(&texts->path) + json_length(&texts->user_agent);
	for (size_t i = 0; i < EDGE_UPSTREAM_WORDS; i++)
		length += json_length(&texts->upstream[i]);
	return length;
}

static u_char *put_number(u_char *at, uint64_t number)
{
	u_char digits[NGX_INT64_LEN];
	size_t count = 0;
	do
		digits[count++] = (u_char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (count > 0)
		*at++ = digits[--count];
	return at;
}

static u_char *put_seconds(u_char *at, uint64_t milliseconds)
{
	uint64_t rest = milliseconds % 1000;
	at = put_number(at, milliseconds / 1000);
	*at++ = '.';
	*at++ = (u_char)('0' + rest / 100);
	*at++ = (u_char)('0' + rest / 10 % 10);
	*at++ = (u_char)('0' + rest % 10);
	return at;
}

static u_char *put_outcome(ngx_http_request_t *request, u_char *at)
{
	const ngx_http_upstream_t *upstream = request->upstream;
	at = put_number(put_text(at, "\",\"status\":"), status_of(request));
	at = put_number(put_text(at, ",\"bytes\":"), (uint64_t)request->connection->sent);
	at = put_seconds(put_text(at, ",\"seconds\":"), elapsed_ms(request));
	at = put_text(at, ",\"cache\":\"");
	if (upstream != NULL && upstream->cache_status != 0)
		at = put_string(at, ngx_http_cache_status[upstream->cache_status - 1]);
	at = put_text(put_text(at, "\",\"verdict\":\""), edge_verdict_name(request));
	return put_text(put_text(at, "\",\"format\":\""), edge_format_name(request));
}

static u_char *put_line(ngx_http_request_t *request, const struct line_texts *texts, ngx_str_t request_id, u_char *at)
{
	at = put_string(put_text(at, "{\"time\":\""), ngx_cached_http_log_iso8601);
	at = put_text(at, "\",\"service\":\"edge\",\"event\":\"request\",\"request_id\":\"");
	at = put_string(at, request_id);
	at = put_string(put_text(at, "\",\"client\":\""), request->connection->addr_text);
	at = put_json(put_text(at, "\",\"method\":\""), &texts->method);
	at = put_json(put_text(at, "\",\"path\":\""), &texts->path);
	at = put_outcome(request, at);
	if (texts->upstream[0].text.len > 0) {
		at = put_json(put_text(at, "\",\"upstream\":\""), &texts->upstream[0]);
		at = put_json(put_text(at, "\",\"upstream_status\":\""), &texts->upstream[1]);
		at = put_json(put_text(at, "\",\"upstream_seconds\":\""), &texts->upstream[2]);
	}
	at = put_json(put_text(at, "\",\"user_agent\":\""), &texts->user_agent);
	return put_text(at, "\"}");
}

ngx_int_t edge_log_line(ngx_http_request_t *request, ngx_str_t *ret_line)
{
	// The names and marks of all fields, and what is bounded: numbers, times, verdict, format, cache status, the
	// request's id, the client's address.
	const size_t fixed_length = 768;
	struct line_texts texts;
	find_texts(request, &texts);
	u_char *line = ngx_pnalloc(request->pool, fixed_length + texts_length(&texts));
	if (line == NULL)
		return NGX_ERROR;
	u_char *end = put_line(request, &texts, edge_request_id(request), line);
	*ret_line = (ngx_str_t){ (size_t)(end - line), line };
	return NGX_OK;
}
