// CORS for media: which pages of other origins may read what they show (canvas, fetch). A URL is its own credential, so
// nothing is ever allowed with cookies, and preflights need no look at the URL.
#include "cdn-config/module/edge.h"

#define ALLOWED_HEADERS "If-Modified-Since, If-None-Match, If-Range, Range, X-Request-Id"
#define EXPOSED_HEADERS "Accept-Ranges, Content-Disposition, Content-Range, ETag, Retry-After, X-Cache, X-Request-Id"
// Browsers ask again after two hours at most, whatever stands here.
#define PREFLIGHT_SECONDS "7200"

static const struct edge_cors *cors_of(ngx_http_request_t *request)
{
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	return location->cors;
}

// By the path as it came, so that refusals (429 comes before any check) are readable, too: a page has to know that it
// needs a new URL.
static bool is_for_media(const ngx_http_request_t *request)
{
	const ngx_str_t *path = &request->unparsed_uri;
	return path->len > 3 &&
	       (ngx_strncmp(path->data, DELIVERY_PREFIX, sizeof(DELIVERY_PREFIX) - 1) == 0 ||
	        ngx_strncmp(path->data, DELIVERY_ORIGINAL_PREFIX, sizeof(DELIVERY_ORIGINAL_PREFIX) - 1) == 0);
}

// What Access-Control-Allow-Origin says to this request; empty: nothing. A rule that names one origin (or any) says so
// to everybody, and its answers vary with nothing; the browser compares.
static ngx_str_t allowed_origin(ngx_http_request_t *request, const struct edge_cors *cors)
{
	static const ngx_str_t nobody = ngx_null_string;
	const ngx_str_t *origins = cors->origins->elts;
	if (cors->origins->nelts == 1)
		return origins[0];
	const ngx_table_elt_t *origin = edge_header_find(request, EDGE_TEXT("origin"));
	for (ngx_uint_t i = 0; origin != NULL && i < cors->origins->nelts; i++)
		if (origin->value.len == origins[i].len &&
		    ngx_memcmp(origin->value.data, origins[i].data, origins[i].len) == 0)
			return origins[i];
	return nobody;
}

bool edge_cors_varies(ngx_http_request_t *request)
{
	const struct edge_cors *cors = cors_of(request);
	return cors != NULL && cors->origins->nelts > 1;
}

ngx_int_t edge_cors_add(ngx_http_request_t *request)
{
	const struct edge_cors *cors = cors_of(request);
	if (cors == NULL || !is_for_media(request))
		return NGX_OK;
	ngx_str_t origin = allowed_origin(request, cors);
	if (origin.len == 0)
		return NGX_OK;
	if (edge_headers_add(request, EDGE_TEXT("Access-Control-Allow-Origin"), origin) != NGX_OK)
		return NGX_ERROR;
	return edge_headers_add(request, EDGE_TEXT("Access-Control-Expose-Headers"), EDGE_TEXT(EXPOSED_HEADERS));
}

// Whether the request's own origin is allowed: a preflight of anybody else is no method that we know.
bool edge_cors_is_preflight(ngx_http_request_t *request)
{
	const struct edge_cors *cors = cors_of(request);
	const ngx_table_elt_t *origin = edge_header_find(request, EDGE_TEXT("origin"));
	if (cors == NULL || request->method != NGX_HTTP_OPTIONS || origin == NULL ||
	    edge_header_find(request, EDGE_TEXT("access-control-request-method")) == NULL)
		return false;
	ngx_str_t allowed = allowed_origin(request, cors);
	return (allowed.len == 1 && allowed.data[0] == '*') ||
	       (allowed.len == origin->value.len && ngx_memcmp(allowed.data, origin->value.data, allowed.len) == 0);
}

ngx_int_t edge_cors_send_preflight(ngx_http_request_t *request)
{
	static const ngx_str_t headers[][2] = {
		{ ngx_string("Access-Control-Allow-Methods"), ngx_string("GET, HEAD") },
		{ ngx_string("Access-Control-Allow-Headers"), ngx_string(ALLOWED_HEADERS) },
		{ ngx_string("Access-Control-Max-Age"), ngx_string(PREFLIGHT_SECONDS) },
		{ ngx_string("Cache-Control"), ngx_string("no-store") },
	};
	ngx_int_t rc = ngx_http_discard_request_body(request);
	if (rc != NGX_OK)
		return rc;
	edge_headers_clear(request);
	request->headers_out.status = NGX_HTTP_NO_CONTENT;
	if (edge_headers_add_common(request) != NGX_OK || edge_cors_add(request) != NGX_OK)
		return NGX_ERROR;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (edge_headers_add(request, headers[i][0], headers[i][1]) != NGX_OK)
			return NGX_ERROR;
	return ngx_http_send_header(request);
}

// `scheme://host[:port]`, as browsers write it: lower case, nothing behind it.
static bool origin_is_valid(const ngx_str_t *origin)
{
	const char *text = (const char *)origin->data;
	size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
	const char *host = text + scheme;
	return scheme > 0 && host[0] != '\0' &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == strlen(host);
}

char *edge_set_cors(ngx_conf_t *conf, ngx_command_t *command, void *location)
{
	(void)command;
	struct edge_conf *edge = location;
	const ngx_str_t *arguments = conf->args->elts;
	if (edge->cors != NULL)
		return (char *)"is duplicate";
	edge->cors = ngx_pcalloc(conf->pool, sizeof(*edge->cors));
	if (edge->cors == NULL)
		return NGX_CONF_ERROR;
	edge->cors->origins = ngx_array_create(conf->pool, conf->args->nelts - 1, sizeof(ngx_str_t));
	if (edge->cors->origins == NULL)
		return NGX_CONF_ERROR;
	for (ngx_uint_t i = 1; i < conf->args->nelts; i++) {
		bool is_any = conf->args->nelts == 2 && arguments[i].len == 1 && arguments[i].data[0] == '*';
		if (!is_any && !origin_is_valid(&arguments[i]))
			return (char *)"needs origins like https://host:port, or * alone";
		ngx_str_t *origin = ngx_array_push(edge->cors->origins);
		if (origin == NULL)
			return NGX_CONF_ERROR;
		*origin = arguments[i];
	}
	return NGX_CONF_OK;
}
