// The nginx module: its directives, its configuration, where it hooks in.
#include "cdn-config/module/edge.h"

#include "base/crypto.h"

static ngx_conf_enum_t delivery_kinds[] = {
	{ ngx_string("off"), EDGE_NO_DELIVERY },
	{ ngx_string("on"), EDGE_VARIANTS },
	{ ngx_string("public"), EDGE_PUBLIC_VARIANTS },
	{ ngx_string("originals"), EDGE_ORIGINALS },
	{ ngx_null_string, 0 },
};

static ngx_command_t edge_commands[] = {
	// safelight_delivery on|public|originals|off: GET and HEAD with a valid delivery URL only, format negotiated,
	// our
	// headers
	// only; public: also paths without any query; originals as attachments.
	{ ngx_string("safelight_delivery"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, ngx_conf_set_enum_slot,
	  NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct edge_conf, delivery), delivery_kinds },

	// safelight_delivery_keys_file FILE: the keys that verify (media/delivery.h); read when nginx loads or reloads.
	{ ngx_string("safelight_delivery_keys_file"),
	  NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, edge_set_keys_file,
	  NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

	// safelight_origin URL BUCKET REGION ACCESS_KEY SECRET_FILE: where media lie, and who signs for them.
	{ ngx_string("safelight_origin"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE5,
	  edge_set_origin, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

	// safelight_problem STATUS SLUG DETAIL: answers with a problem.
	{ ngx_string("safelight_problem"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE3, edge_set_problem,
	  NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

	// safelight_purge TOKEN_FILE CACHE_ZONE…: POST object keys, one a line, to drop them from the caches.
	{ ngx_string("safelight_purge"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE23, edge_set_purge, NGX_HTTP_LOC_CONF_OFFSET,
	  0, NULL },

	// safelight_on_demand_token_file FILE: makes $safelight_on_demand_authorization, for asking the transcoder.
	{ ngx_string("safelight_on_demand_token_file"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, edge_set_on_demand_token,
	  NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

	// safelight_cors ORIGIN…: whose pages may read media; `*` alone: everybody's.
	{ ngx_string("safelight_cors"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, edge_set_cors, NGX_HTTP_LOC_CONF_OFFSET, 0,
	  NULL },

	// safelight_metrics: answers with the edge's counters for Prometheus.
	{ ngx_string("safelight_metrics"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, edge_set_metrics,
	  NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

	ngx_null_command,
};

static void *create_main_conf(ngx_conf_t *conf)
{
	return ngx_pcalloc(conf->pool, sizeof(struct edge_main_conf));
}

static void *create_location_conf(ngx_conf_t *conf)
{
	struct edge_conf *location = ngx_pcalloc(conf->pool, sizeof(*location));
	if (location == NULL)
		return NULL;
	location->delivery = NGX_CONF_UNSET_UINT;
	location->metrics = NGX_CONF_UNSET;
	return location;
}

static char *merge_location_conf(ngx_conf_t *conf, void *parent, void *child)
{
	struct edge_conf *outer = parent, *inner = child;
	ngx_conf_merge_uint_value(inner->delivery, outer->delivery, EDGE_NO_DELIVERY);
	ngx_conf_merge_value(inner->metrics, outer->metrics, 0);
	if (inner->keys == NULL)
		inner->keys = outer->keys;
	if (inner->origin == NULL)
		inner->origin = outer->origin;
	if (inner->cors == NULL)
		inner->cors = outer->cors;
	if (inner->delivery != EDGE_NO_DELIVERY && (inner->keys == NULL || inner->origin == NULL)) {
		ngx_conf_log_error(NGX_LOG_EMERG, conf, 0,
		                   "safelight_delivery needs safelight_delivery_keys_file and safelight_origin");
		return NGX_CONF_ERROR;
	}
	return NGX_CONF_OK;
}

static ngx_int_t add_phase_handler(ngx_conf_t *conf, ngx_http_phases phase, ngx_http_handler_pt handler)
{
	ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(conf, ngx_http_core_module);
	ngx_http_handler_pt *slot = ngx_array_push(&core->phases[phase].handlers);
	if (slot == NULL)
		return NGX_ERROR;
	*slot = handler;
	return NGX_OK;
}

static ngx_int_t before_configuration(ngx_conf_t *conf)
{
	struct err err = { 0 };
	if (crypto_init(&err) != RC_OK) {
		ngx_conf_log_error(NGX_LOG_EMERG, conf, 0, "safelight: %s", err.text);
		return NGX_ERROR;
	}
	return edge_variables_add(conf);
}

static ngx_int_t after_configuration(ngx_conf_t *conf)
{
	struct edge_main_conf *edge = ngx_http_conf_get_module_main_conf(conf, ngx_http_safelight_module);
	ngx_str_t request_id = ngx_string("safelight_request_id");
	edge->request_id_index = ngx_http_get_variable_index(conf, &request_id);
	static ngx_str_t upstream_names[EDGE_UPSTREAM_WORDS] = { ngx_string("upstream_addr"),
		                                                 ngx_string("upstream_status"),
		                                                 ngx_string("upstream_response_time") };
	for (size_t i = 0; i < EDGE_UPSTREAM_WORDS; i++) {
		edge->upstream_indexes[i] = ngx_http_get_variable_index(conf, &upstream_names[i]);
		if (edge->upstream_indexes[i] == NGX_ERROR)
			return NGX_ERROR;
	}
	edge->metrics = edge_metrics_zone(conf);
	if (edge->request_id_index == NGX_ERROR || edge->metrics == NULL)
		return NGX_ERROR;
	edge_headers_install();
	if (add_phase_handler(conf, NGX_HTTP_POST_READ_PHASE, edge_log_hide_query) != NGX_OK)
		return NGX_ERROR;
	if (add_phase_handler(conf, NGX_HTTP_ACCESS_PHASE, edge_delivery_check) != NGX_OK)
		return NGX_ERROR;
	return add_phase_handler(conf, NGX_HTTP_LOG_PHASE, edge_metrics_count);
}

static ngx_http_module_t edge_module_context = {
	.preconfiguration = before_configuration,
	.postconfiguration = after_configuration,
	.create_main_conf = create_main_conf,
	.create_loc_conf = create_location_conf,
	.merge_loc_conf = merge_location_conf,
};

ngx_module_t ngx_http_safelight_module = {
	NGX_MODULE_V1,
	&edge_module_context,
	edge_commands,
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

// What nginx looks for in a dynamic module. The order puts our header filter before those that nginx itself runs behind
// its copy filter (headers, ranges), and behind its If-None-Match: it sees the final status and sets the first headers.
// The other module, named last, has the very first header filter, before slices and If-None-Match.
ngx_module_t *ngx_modules[] = { &ngx_http_safelight_module, &ngx_http_safelight_conditional_module, NULL };
char *ngx_module_names[] = { (char *)"ngx_http_safelight_module", (char *)"ngx_http_safelight_conditional_module",
	                     NULL };
char *ngx_module_order[] = { (char *)"ngx_http_safelight_module", (char *)"ngx_http_copy_filter_module",
	                     (char *)"ngx_http_safelight_conditional_module", NULL };
