// Headers of what we answer. A delivery carries a closed list of headers: the store's own (x-amz-…, its cookies,
// whatever a newer store may send) never reach a client.
#include "cdn-config/module/edge.h"

static ngx_http_output_header_filter_pt next_header_filter;

ngx_int_t edge_headers_add(ngx_http_request_t *request, ngx_str_t name, ngx_str_t value)
{
	ngx_table_elt_t *header = ngx_list_push(&request->headers_out.headers);
	if (header == NULL)
		return NGX_ERROR;
	header->hash = 1;
	header->key = name;
	header->value = value;
	return NGX_OK;
}

ngx_int_t edge_headers_add_common(ngx_http_request_t *request)
{
	static const ngx_str_t headers[][2] = {
		{ ngx_string("X-Content-Type-Options"), ngx_string("nosniff") },
		{ ngx_string("Content-Security-Policy"), ngx_string("default-src 'none'; sandbox") },
		{ ngx_string("Cross-Origin-Resource-Policy"), ngx_string("cross-origin") },
	};
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (edge_headers_add(request, headers[i][0], headers[i][1]) != NGX_OK)
			return NGX_ERROR;
	return edge_headers_add(request, EDGE_TEXT("X-Request-Id"), edge_request_id(request));
}

static bool is_kept(const ngx_table_elt_t *header, const ngx_str_t *keep, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (header->key.len == keep[i].len && ngx_strncasecmp(header->key.data, keep[i].data, keep[i].len) == 0)
			return true;
	return false;
}

// Switch off every header that is not named.
static void keep_headers(ngx_http_request_t *request, const ngx_str_t *keep, size_t count)
{
	for (ngx_list_part_t *part = &request->headers_out.headers.part; part != NULL; part = part->next) {
		ngx_table_elt_t *headers = part->elts;
		for (ngx_uint_t i = 0; i < part->nelts; i++)
			if (!is_kept(&headers[i], keep, count))
				headers[i].hash = 0;
	}
}

void edge_headers_clear(ngx_http_request_t *request)
{
	static const ngx_str_t keep[] = { ngx_string("Content-Range") };
	keep_headers(request, keep, 1);
	ngx_http_clear_content_length(request);
	ngx_http_clear_accept_ranges(request);
	ngx_http_clear_last_modified(request);
	ngx_http_clear_etag(request);
	request->headers_out.location = NULL;
	request->headers_out.content_encoding = NULL;
}

// What clients may keep, and for how long: never longer than their URL lives.
static ngx_int_t add_cache_control(ngx_http_request_t *request, const struct edge_context *context)
{
	static const char front[] = "public, max-age=", back[] = ", immutable";
	u_char *text = ngx_pnalloc(request->pool, sizeof(front) + NGX_INT64_LEN + sizeof(back));
	if (text == NULL)
		return NGX_ERROR;
	u_char *end = ngx_cpymem(text, front, sizeof(front) - 1);
	end = ngx_sprintf(end, "%L", (int64_t)delivery_max_age(context->grant.expiry, ngx_time()));
	end = ngx_cpymem(end, back, sizeof(back) - 1);
	return edge_headers_add(request, EDGE_TEXT("Cache-Control"), (ngx_str_t){ (size_t)(end - text), text });
}

static void set_content_type(ngx_http_request_t *request, enum media_format format)
{
	const char *type = media_format_info(format)->content_type;
	request->headers_out.content_type = (ngx_str_t){ strlen(type), (u_char *)type };
	request->headers_out.content_type_len = strlen(type);
	request->headers_out.content_type_lowcase = NULL;
	request->headers_out.charset.len = 0;
}

static ngx_int_t delivery_header_filter(ngx_http_request_t *request)
{
	static const ngx_str_t keep[] = { ngx_string("ETag"), ngx_string("Last-Modified") };
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	const struct edge_context *context = edge_context_find(request);
	ngx_uint_t status = request->headers_out.status;
	if (request != request->main || !location->delivery || context == NULL || context->object_key.len == 0 ||
	    (status != NGX_HTTP_OK && status != NGX_HTTP_PARTIAL_CONTENT && status != NGX_HTTP_NOT_MODIFIED))
		return next_header_filter(request);

	keep_headers(request, keep, 2);
	request->headers_out.status_line.len = 0; // the store's reason phrase
	set_content_type(request, context->format);
	if (edge_headers_add_common(request) != NGX_OK || add_cache_control(request, context) != NGX_OK)
		return NGX_ERROR;
	if (context->grant.format == FORMAT_NONE &&
	    edge_headers_add(request, EDGE_TEXT("Vary"), EDGE_TEXT("Accept")) != NGX_OK)
		return NGX_ERROR;
	return next_header_filter(request);
}

void edge_headers_install(void)
{
	next_header_filter = ngx_http_top_header_filter;
	ngx_http_top_header_filter = delivery_header_filter;
}
