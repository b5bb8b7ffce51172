// Conditional requests for originals: nginx compares ETags only of what it caches, and we cache no originals. A header
// filter in front of nginx's own (hence a module of its own) lets it compare theirs, too: 304 without a byte of the
// file, and If-Match.
#include "cdn-config/module/edge.h"

static ngx_http_output_header_filter_pt next_header_filter;

static ngx_int_t header_filter(ngx_http_request_t *request)
{
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	if (location->delivery == EDGE_ORIGINALS && request == request->main)
		request->disable_not_modified = 0;
	return next_header_filter(request);
}

static ngx_int_t after_configuration(ngx_conf_t *conf)
{
	(void)conf;
	next_header_filter = ngx_http_top_header_filter;
	ngx_http_top_header_filter = header_filter;
	return NGX_OK;
}

static ngx_http_module_t conditional_module_context = { .postconfiguration = after_configuration };

ngx_module_t ngx_http_safelight_conditional_module = {
	NGX_MODULE_V1,
	&conditional_module_context,
	NULL, // directives
	NGX_HTTP_MODULE,
	NULL, // init master
	NULL, // init module
	NULL, // init process
	NULL, // init thread
	NULL, // exit thread
	NULL, // exit process
	NULL, // exit master
	NGX_MODULE_V1_PADDING,
};
