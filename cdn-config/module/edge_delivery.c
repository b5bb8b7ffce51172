// The check of a delivery URL, before nginx looks into its cache.
#include "cdn-config/module/edge.h"

#include <assert.h>

#include "base/file.h"
#include "media/negotiate.h"

// Only marks the context's place among the pool's cleanups; see edge_context_find.
static void context_marker(void *data)
{
	(void)data;
}

// nginx forgets modules' contexts on internal redirects (error pages), but the log still wants the verdict: so the
// context hangs on the request's pool (as in nginx's own realip module).
struct edge_context *edge_context_find(ngx_http_request_t *request)
{
	ngx_http_request_t *main = request->main;
	struct edge_context *context = ngx_http_get_module_ctx(main, ngx_http_safelight_module);
	if (context != NULL || !(main->internal || main->filter_finalize))
		return context;
	for (ngx_pool_cleanup_t *cleanup = main->pool->cleanup; cleanup != NULL; cleanup = cleanup->next)
		if (cleanup->handler == context_marker)
			return cleanup->data;
	return NULL;
}

static struct edge_context *context_new(ngx_http_request_t *request)
{
	ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(request->pool, sizeof(struct edge_context));
	if (cleanup == NULL)
		return NULL;
	cleanup->handler = context_marker;
	struct edge_context *context = cleanup->data;
	ngx_memzero(context, sizeof(*context));
	context->verdict = DELIVERY_MALFORMED;
	ngx_http_set_ctx(request, context, ngx_http_safelight_module);
	return context;
}

// The granted format, or the best of the granted ones for this client.
static enum media_format choose_format(const ngx_http_request_t *request, const struct delivery_grant *grant)
{
	if (grant->format != FORMAT_NONE)
		return grant->format;
	const ngx_table_elt_t *accept = request->headers_in.accept;
	return negotiate_format(accept != NULL ? (const char *)accept->value.data : NULL,
	                        accept != NULL ? accept->value.len : 0, grant->formats);
}

// From here on the request is one for the object: its path at the origin, no arguments. The object's key is what stands
// behind the prefix in a verified path, with the extension that was negotiated: one grant has one text.
static ngx_int_t go_for_object(ngx_http_request_t *request, const struct edge_origin *origin,
                               struct edge_context *context, const char *path, size_t path_length)
{
	static_assert(sizeof(DELIVERY_PREFIX) == sizeof(DELIVERY_ORIGINAL_PREFIX), "one length of prefixes");
	const size_t prefix_length = sizeof(DELIVERY_PREFIX) - 1;
	const char *extension = "";
	if (context->original == NULL && context->grant.format == FORMAT_NONE)
		extension = media_format_info(context->format)->extension;
	size_t extension_length = strlen(extension);
	u_char *uri = ngx_pnalloc(request->pool, origin->path_prefix.len + path_length + 1 + extension_length + 1);
	if (uri == NULL)
		return NGX_ERROR;
	u_char *key = ngx_cpymem(uri, origin->path_prefix.data, origin->path_prefix.len);
	u_char *end = ngx_cpymem(key, path + prefix_length, path_length - prefix_length);
	if (extension_length > 0) {
		*end++ = '.';
		end = ngx_cpymem(end, extension, extension_length);
	}
	*end = '\0';
	context->object_key = (ngx_str_t){ (size_t)(end - key), key };
	request->uri = (ngx_str_t){ (size_t)(end - uri), uri };
	request->args.len = 0;
	request->valid_unparsed_uri = 0;
	return NGX_OK;
}

// Answer here and now: in the access phase NGX_DONE says that the request is taken care of.
static ngx_int_t refuse(ngx_http_request_t *request, const struct edge_problem *problem)
{
	ngx_http_finalize_request(request, edge_problem_send(request, problem));
	return NGX_DONE;
}

static ngx_int_t refuse_method(ngx_http_request_t *request, struct edge_context *context)
{
	static const struct edge_problem problem = { NGX_HTTP_NOT_ALLOWED, "method-not-allowed",
		                                     "Media are read with GET or HEAD." };
	context->is_method_refused = true;
	return refuse(request, &problem);
}

static ngx_int_t refuse_url(ngx_http_request_t *request, enum delivery_verdict verdict)
{
	static const struct edge_problem expired = { NGX_HTTP_FORBIDDEN, "url-expired",
		                                     "This URL has expired. Ask the API for a new one." };
	// The log says which; a forger need not know.
	static const struct edge_problem refused = { NGX_HTTP_FORBIDDEN, "url-refused",
		                                     "This is not a URL that we signed. Take it as the API gave it." };
	return refuse(request, verdict == DELIVERY_EXPIRED ? &expired : &refused);
}

ngx_int_t edge_delivery_check(ngx_http_request_t *request)
{
	const struct edge_conf *location = ngx_http_get_module_loc_conf(request, ngx_http_safelight_module);
	if (location->delivery == EDGE_NO_DELIVERY)
		return NGX_DECLINED;
	if (edge_cors_is_preflight(request)) {
		ngx_http_finalize_request(request, edge_cors_send_preflight(request));
		return NGX_DONE;
	}
	struct edge_context *context = context_new(request);
	if (context == NULL)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	if ((request->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0)
		return refuse_method(request, context);

	// The bytes that the client sent: what was signed is what is fetched, whatever nginx makes of the path.
	const char *path = (const char *)request->unparsed_uri.data;
	size_t length = request->unparsed_uri.len;
	const char *mark = memchr(path, '?', length);
	size_t path_length = mark != NULL ? (size_t)(mark - path) : length;
	const char *query = mark != NULL ? mark + 1 : NULL;
	size_t query_length = mark != NULL ? length - path_length - 1 : 0;
	if (location->delivery == EDGE_ORIGINALS) {
		context->original = ngx_palloc(request->pool, sizeof(*context->original));
		if (context->original == NULL)
			return NGX_HTTP_INTERNAL_SERVER_ERROR;
		context->verdict = delivery_original_verify(location->keys, path, path_length, query, query_length,
		                                            ngx_time(), context->original);
	} else if (location->delivery == EDGE_PUBLIC_VARIANTS && query == NULL) {
		context->verdict =
		        delivery_read_public(path, path_length, &context->grant) ? DELIVERY_OK : DELIVERY_MALFORMED;
	} else {
		context->verdict = delivery_verify(location->keys, path, path_length, query, query_length, ngx_time(),
		                                   &context->grant);
	}
	if (context->verdict != DELIVERY_OK)
		return refuse_url(request, context->verdict);
	if (context->original != NULL)
		context->grant.expiry = context->original->expiry;
	else
		context->format = choose_format(request, &context->grant);
	return go_for_object(request, location->origin, context, path, path_length);
}

char *edge_set_keys_file(ngx_conf_t *conf, ngx_command_t *command, void *location)
{
	(void)command;
	struct edge_conf *edge = location;
	ngx_str_t *arguments = conf->args->elts;
	if (edge->keys != NULL)
		return (char *)"is duplicate";
	edge->keys = ngx_palloc(conf->pool, sizeof(*edge->keys));
	if (edge->keys == NULL || ngx_conf_full_name(conf->cycle, &arguments[1], 1) != NGX_OK)
		return NGX_CONF_ERROR;
	char *text = NULL;
	struct err err = { 0 };
	enum rc rc = file_read_secret((const char *)arguments[1].data, &text, &err);
	if (rc == RC_OK)
		rc = delivery_keys_parse(text, edge->keys, &err);
	edge_secret_free(text);
	if (rc != RC_OK) {
		ngx_conf_log_error(NGX_LOG_EMERG, conf, 0, "%V: %s", &arguments[1], err.text);
		return NGX_CONF_ERROR;
	}
	return NGX_CONF_OK;
}
