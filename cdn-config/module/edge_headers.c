// Headers of what we answer. A delivery carries a closed list of headers: the store's own (x-amz-…, its cookies,
// whatever a newer store may send) never reach a client.
#include "edge.h"

static ngx_http_output_header_filter_pt next_header_filter;

ngx_int_t edge_headers_add(ngx_http_request_t *request, const char *name, const char *value)
{
	ngx_table_elt_t *header = ngx_list_push(&request->headers_out.headers);
	if (header == NULL)
		return NGX_ERROR;
	header->hash = 1;
	header->key = (ngx_str_t){ strlen(name), (u_char *)name };
	header->value = (ngx_str_t){ strlen(value), (u_char *)value };
	return NGX_OK;
}

static ngx_int_t add_request_id(ngx_http_request_t *request)
{
	ngx_table_elt_t *header = ngx_list_push(&request->headers_out.headers);
	if (header == NULL)
		return NGX_ERROR;
	header->hash = 1;
	header->key = (ngx_str_t)ngx_string("X-Request-Id");
	header->value = edge_request_id(request);
	return NGX_OK;
}

ngx_int_t edge_headers_add_common(ngx_http_request_t *request)
{
	static const char *const headers[][2] = {
		{ "X-Content-Type-Options", "nosniff" },
		{ "Content-Security-Policy", "default-src 'none'; sandbox" },
		{ "Cross-Origin-Resource-Policy", "cross-origin" },
	};
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (edge_headers_add(request, headers[i][0], headers[i][1]) != NGX_OK)
			return NGX_ERROR;
	return add_request_id(request);
}

static bool is_named(const ngx_table_elt_t *header, const char *name)
{
	return header->key.len == strlen(name) &&
	       ngx_strncasecmp(header->key.data, (u_char *)name, header->key.len) == 0;
}

// Switch off every header that `keep` does not name (NULL-terminated).
static void keep_headers(ngx_http_request_t *request, const char *const *keep)
{
	for (ngx_list_part_t *part = &request->headers_out.headers.part; part != NULL; part = part->next) {
		ngx_table_elt_t *headers = part->elts;
		for (ngx_uint_t i = 0; i < part->nelts; i++) {
			bool is_kept = false;
			for (const char *const *name = keep; *name != NULL && !is_kept; name++)
				is_kept = is_named(&headers[i], *name);
			if (!is_kept)
				headers[i].hash = 0;
		}
	}
}

void edge_headers_clear(ngx_http_request_t *request)
{
	static const char *const keep[] = { "Content-Range", NULL };
	keep_headers(request, keep);
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
	static const char format[] = "public, max-age=%L, immutable%Z";
	u_char *text = ngx_pnalloc(request->pool, sizeof(format) + NGX_INT64_LEN);
	if (text == NULL)
		return NGX_ERROR;
	ngx_sprintf(text, format, (int64_t)delivery_max_age(context->grant.expiry, ngx_time()));
	return edge_headers_add(request, "Cache-Control", (const char *)text);
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
	static const char *const keep[] = { "ETag", "Last-Modified", NULL };
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	const struct edge_context *context = edge_context_find(request);
	ngx_uint_t status = request->headers_out.status;
	if (request != request->main || !location->delivery || context == NULL || context->object_key.len == 0 ||
	    (status != NGX_HTTP_OK && status != NGX_HTTP_PARTIAL_CONTENT && status != NGX_HTTP_NOT_MODIFIED))
		return next_header_filter(request);

	keep_headers(request, keep);
	request->headers_out.status_line.len = 0; // the store's reason phrase
	set_content_type(request, context->format);
	if (edge_headers_add_common(request) != NGX_OK || add_cache_control(request, context) != NGX_OK)
		return NGX_ERROR;
	if (context->grant.format == FORMAT_NONE && edge_headers_add(request, "Vary", "Accept") != NGX_OK)
		return NGX_ERROR;
	return next_header_filter(request);
}

void edge_headers_install(void)
{
	next_header_filter = ngx_http_top_header_filter;
	ngx_http_top_header_filter = delivery_header_filter;
}
