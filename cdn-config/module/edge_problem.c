// Answers of the edge's own: problems (RFC 9457) in the same form as the services', never cached.
#include "cdn-config/module/edge.h"

#include "base/buffer.h"
#include "base/json_write.h"

#define PROBLEM_BYTES_MAX (64 * 1024)

static const char *title_of(ngx_uint_t status)
{
	static const struct {
		ngx_uint_t status;
		const char *title;
	} titles[] = {
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 416, "Range Not Satisfiable" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

static void write_problem(ngx_http_request_t *request, const struct edge_problem *problem, struct buffer *out)
{
	char type[96];
	(void)snprintf(type, sizeof(type), "/problems/%s", problem->slug);
	const u_char *path = request->unparsed_uri.data;
	size_t path_length = request->unparsed_uri.len;
	// A request line that did not parse has no path.
	const u_char *mark = path_length > 0 ? memchr(path, '?', path_length) : NULL;
	ngx_str_t id = edge_request_id(request);
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "type", type);
	json_write_text(&json, "title", title_of(problem->status));
	json_write_int(&json, "status", (int64_t)problem->status);
	json_write_text(&json, "detail", problem->detail);
	if (path_length > 0)
		json_write_text_length(&json, "instance", (const char *)path,
		                       mark != NULL ? (size_t)(mark - path) : path_length);
	json_write_text_length(&json, "request_id", (const char *)id.data, id.len);
	json_write_object_end(&json);
}

static ngx_int_t send_body(ngx_http_request_t *request, const char *data, size_t length)
{
	ngx_int_t rc = ngx_http_send_header(request);
	if (rc == NGX_ERROR || rc > NGX_OK || request->header_only)
		return rc;
	ngx_buf_t *body = ngx_create_temp_buf(request->pool, length + 1);
	if (body == NULL)
		return NGX_ERROR;
	body->last = ngx_cpymem(body->last, data, length);
	body->last_buf = request == request->main;
	body->last_in_chain = 1;
	ngx_chain_t out = { .buf = body, .next = NULL };
	return ngx_http_output_filter(request, &out);
}

ngx_int_t edge_body_send(ngx_http_request_t *request, ngx_uint_t status, const char *content_type, const char *data,
                         size_t length)
{
	ngx_int_t rc = ngx_http_discard_request_body(request);
	if (rc != NGX_OK)
		return rc;
	edge_headers_clear(request);
	request->allow_ranges = 0;
	request->err_status = 0;
	request->headers_out.status = status;
	request->headers_out.status_line.len = 0;
	request->headers_out.content_type = (ngx_str_t){ strlen(content_type), (u_char *)content_type };
	request->headers_out.content_type_len = strlen(content_type);
	request->headers_out.content_type_lowcase = NULL;
	request->headers_out.charset.len = 0;
	request->headers_out.content_length_n = (off_t)length;
	if (edge_headers_add_common(request) != NGX_OK || edge_cors_add(request) != NGX_OK ||
	    edge_headers_add(request, EDGE_TEXT("Cache-Control"), EDGE_TEXT("no-store")) != NGX_OK)
		return NGX_ERROR;
	if (status == NGX_HTTP_NOT_ALLOWED &&
	    edge_headers_add(request, EDGE_TEXT("Allow"), EDGE_TEXT("GET, HEAD")) != NGX_OK)
		return NGX_ERROR;
	if ((status == NGX_HTTP_SERVICE_UNAVAILABLE || status == NGX_HTTP_TOO_MANY_REQUESTS) &&
	    edge_headers_add(request, EDGE_TEXT("Retry-After"), EDGE_TEXT("1")) != NGX_OK)
		return NGX_ERROR;
	return send_body(request, data, length);
}

ngx_int_t edge_problem_send(ngx_http_request_t *request, const struct edge_problem *problem)
{
	struct buffer out;
	buffer_init(&out, PROBLEM_BYTES_MAX);
	write_problem(request, problem, &out);
	ngx_int_t rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
	if (buffer_ok(&out))
		rc = edge_body_send(request, problem->status, "application/problem+json", out.data, out.length);
	buffer_done(&out);
	return rc;
}

ngx_int_t edge_problem_handler(ngx_http_request_t *request)
{
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	return edge_problem_send(request, location->problem);
}

char *edge_set_problem(ngx_conf_t *conf, ngx_command_t *command, void *location)
{
	(void)command;
	struct edge_conf *edge = location;
	ngx_str_t *arguments = conf->args->elts;
	if (edge->problem != NULL)
		return (char *)"is duplicate";
	ngx_int_t status = ngx_atoi(arguments[1].data, arguments[1].len);
	if (status < 400 || status > 599)
		return (char *)"needs a status of 400 to 599";
	edge->problem = ngx_palloc(conf->pool, sizeof(*edge->problem));
	if (edge->problem == NULL)
		return NGX_CONF_ERROR;
	*edge->problem = (struct edge_problem){ (ngx_uint_t)status, (const char *)arguments[2].data,
		                                (const char *)arguments[3].data };
	ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(conf, ngx_http_core_module);
	core->handler = edge_problem_handler;
	return NGX_CONF_OK;
}
