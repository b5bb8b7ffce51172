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

// Switch off every header but these (NULL: none).
static void keep_headers(ngx_http_request_t *request, const ngx_table_elt_t *first, const ngx_table_elt_t *second)
{
	for (ngx_list_part_t *part = &request->headers_out.headers.part; part != NULL; part = part->next) {
		ngx_table_elt_t *headers = part->elts;
		for (ngx_uint_t i = 0; i < part->nelts; i++)
			if (&headers[i] != first && &headers[i] != second)
				headers[i].hash = 0;
	}
}

void edge_headers_clear(ngx_http_request_t *request)
{
	keep_headers(request, request->headers_out.content_range, NULL);
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
	static const char variants[] = "public, max-age=", originals[] = "private, max-age=", back[] = ", immutable";
	u_char *text = ngx_pnalloc(request->pool, sizeof(originals) + NGX_INT64_LEN + sizeof(back));
	if (text == NULL)
		return NGX_ERROR;
	u_char *end = context->original != NULL ? ngx_cpymem(text, originals, sizeof(originals) - 1)
	                                        : ngx_cpymem(text, variants, sizeof(variants) - 1);
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

// An original is data of somebody's: a browser saves it and never shows it, whatever it is.
static ngx_int_t add_disposition(ngx_http_request_t *request, const struct delivery_original *original)
{
	u_char *text = ngx_pnalloc(request->pool, FILENAME_DISPOSITION_SIZE);
	if (text == NULL)
		return NGX_ERROR;
	size_t length = filename_format_disposition(original->filename, true, (char *)text);
	return edge_headers_add(request, EDGE_TEXT("Content-Disposition"), (ngx_str_t){ length, text });
}

// What else of a request decides what is answered.
static ngx_int_t add_vary(ngx_http_request_t *request, const struct edge_context *context)
{
	bool is_negotiated = context->original == NULL && context->grant.format == FORMAT_NONE;
	bool is_by_origin = edge_cors_varies(request);
	if (!is_negotiated && !is_by_origin)
		return NGX_OK;
	ngx_str_t names = !is_by_origin    ? EDGE_TEXT("Accept")
	                  : !is_negotiated ? EDGE_TEXT("Origin")
	                                   : EDGE_TEXT("Accept, Origin");
	return edge_headers_add(request, EDGE_TEXT("Vary"), names);
}

static ngx_int_t add_delivery_headers(ngx_http_request_t *request, const struct edge_context *context)
{
	if (edge_headers_add_common(request) != NGX_OK || add_cache_control(request, context) != NGX_OK ||
	    edge_cors_add(request) != NGX_OK || add_vary(request, context) != NGX_OK)
		return NGX_ERROR;
	if (context->original != NULL)
		return add_disposition(request, context->original);
	ngx_uint_t cache_status = request->upstream != NULL ? request->upstream->cache_status : 0;
	if (cache_status != 0 &&
	    edge_headers_add(request, EDGE_TEXT("X-Cache"), ngx_http_cache_status[cache_status - 1]) != NGX_OK)
		return NGX_ERROR;
	return NGX_OK;
}

// Browsers that came by TLS once come by TLS alone, for a year (RFC 6797).
static ngx_int_t add_transport_security(ngx_http_request_t *request)
{
	if (request->connection->ssl == NULL || request != request->main)
		return NGX_OK;
	return edge_headers_add(request, EDGE_TEXT("Strict-Transport-Security"), EDGE_TEXT("max-age=31536000"));
}

// The context of an answer that carries an object, else NULL.
static const struct edge_context *object_context(ngx_http_request_t *request)
{
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	ngx_uint_t status = request->headers_out.status;
	if (location->delivery == EDGE_NO_DELIVERY || request != request->main ||
	    (status != NGX_HTTP_OK && status != NGX_HTTP_PARTIAL_CONTENT && status != NGX_HTTP_NOT_MODIFIED))
		return NULL;
	const struct edge_context *context = edge_context_find(request);
	return context != NULL && context->object_key.len > 0 ? context : NULL;
}

static ngx_int_t header_filter(ngx_http_request_t *request)
{
	const struct edge_context *context = object_context(request);
	if (context != NULL) {
		keep_headers(request, request->headers_out.etag, request->headers_out.last_modified);
		request->headers_out.status_line.len = 0; // the store's reason phrase
		set_content_type(request, context->format);
		if (add_delivery_headers(request, context) != NGX_OK)
			return NGX_ERROR;
	}
	if (add_transport_security(request) != NGX_OK)
		return NGX_ERROR;
	return next_header_filter(request);
}

void edge_headers_install(void)
{
	next_header_filter = ngx_http_top_header_filter;
	ngx_http_top_header_filter = header_filter;
}
