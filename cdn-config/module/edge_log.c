// What nginx's error messages say about a request: its method and path, but never the query (signatures, hook tokens)
// nor what follows /v1/shared/ (share tokens).
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
