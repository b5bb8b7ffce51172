// The edge's counters: in memory that the workers share, shown in Prometheus' text format.
#include "cdn-config/module/edge.h"

#include "base/buffer.h"

#define ZONE_BYTES (8 * ngx_pagesize)
#define METRICS_BYTES_MAX (64 * 1024)
#define CACHE_STATUSES (NGX_HTTP_CACHE_HIT + 1) // 0: the cache was not asked; nginx keeps three bits

struct edge_counters {
	ngx_atomic_t verdicts[DELIVERY_VERDICT_COUNT];
	ngx_atomic_t methods_refused;
	ngx_atomic_t cache[CACHE_STATUSES];
	ngx_atomic_t origin_failures; // answers of the origin of 5xx, or none
	ngx_atomic_t bytes_sent;
	ngx_atomic_t purged;
	ngx_atomic_t limited; // requests refused by a limit of the edge's own
};

static ngx_int_t init_zone(ngx_shm_zone_t *zone, void *old)
{
	// Counters outlive a reload.
	if (old != NULL || zone->shm.exists) {
		zone->data = old != NULL ? old : ((ngx_slab_pool_t *)zone->shm.addr)->data;
		return NGX_OK;
	}
	ngx_slab_pool_t *pool = (ngx_slab_pool_t *)zone->shm.addr;
	zone->data = ngx_slab_calloc(pool, sizeof(struct edge_counters));
	pool->data = zone->data;
	return zone->data != NULL ? NGX_OK : NGX_ERROR;
}

ngx_shm_zone_t *edge_metrics_zone(ngx_conf_t *conf)
{
	ngx_str_t name = ngx_string("safelight_metrics");
	ngx_shm_zone_t *zone = ngx_shared_memory_add(conf, &name, ZONE_BYTES, &ngx_http_safelight_module);
	if (zone != NULL)
		zone->init = init_zone;
	return zone;
}

static struct edge_counters *counters_of(ngx_http_request_t *request)
{
	const struct edge_main_conf *edge = ngx_http_get_module_main_conf(request, ngx_http_safelight_module);
	return edge->metrics->data;
}

static void count(ngx_atomic_t *counter, ngx_atomic_int_t amount)
{
	(void)ngx_atomic_fetch_add(counter, amount);
}

ngx_int_t edge_metrics_count(ngx_http_request_t *request)
{
	const struct edge_context *context = edge_context_find(request);
	struct edge_counters *counters = counters_of(request);
	if (request->headers_out.status == NGX_HTTP_TOO_MANY_REQUESTS && request->upstream == NULL)
		count(&counters->limited, 1);
	if (context == NULL)
		return NGX_OK;
	if (context->is_method_refused)
		count(&counters->methods_refused, 1);
	else
		count(&counters->verdicts[context->verdict], 1);
	count(&counters->bytes_sent, request->connection->sent);
	const ngx_http_upstream_t *upstream = request->upstream;
	if (upstream == NULL)
		return NGX_OK;
	count(&counters->cache[upstream->cache_status], 1);
	if (upstream->state != NULL && upstream->state->status >= NGX_HTTP_INTERNAL_SERVER_ERROR)
		count(&counters->origin_failures, 1);
	return NGX_OK;
}

void edge_metrics_count_purged(ngx_http_request_t *request, ngx_uint_t files)
{
	count(&counters_of(request)->purged, (ngx_atomic_int_t)files);
}

static void write_head(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_verdicts(struct buffer *out, const struct edge_counters *counters)
{
	write_head(out, "safelight_edge_deliveries_total", "counter", "Requests for media by verdict on their URL.");
	for (unsigned i = 0; i < DELIVERY_VERDICT_COUNT; i++)
		buffer_append_format(out, "safelight_edge_deliveries_total{verdict=\"%s\"} %lu\n",
		                     delivery_verdict_name((enum delivery_verdict)i), counters->verdicts[i]);
	buffer_append_format(out, "safelight_edge_deliveries_total{verdict=\"method\"} %lu\n",
	                     counters->methods_refused);
}

static void write_cache(struct buffer *out, const struct edge_counters *counters)
{
	static const char *const names[CACHE_STATUSES] = {
		[NGX_HTTP_CACHE_MISS] = "miss",         [NGX_HTTP_CACHE_BYPASS] = "bypass",
		[NGX_HTTP_CACHE_EXPIRED] = "expired",   [NGX_HTTP_CACHE_STALE] = "stale",
		[NGX_HTTP_CACHE_UPDATING] = "updating", [NGX_HTTP_CACHE_REVALIDATED] = "revalidated",
		[NGX_HTTP_CACHE_HIT] = "hit",
	};
	write_head(out, "safelight_edge_cache_total", "counter", "Good requests for media by what the cache had.");
	for (unsigned i = NGX_HTTP_CACHE_MISS; i < CACHE_STATUSES; i++)
		buffer_append_format(out, "safelight_edge_cache_total{status=\"%s\"} %lu\n", names[i],
		                     counters->cache[i]);
}

static void write_single(struct buffer *out, const char *name, const char *type, const char *help, unsigned long value)
{
	write_head(out, name, type, help);
	buffer_append_format(out, "%s %lu\n", name, value);
}

ngx_int_t edge_metrics_handler(ngx_http_request_t *request)
{
	const struct edge_counters *counters = counters_of(request);
	struct buffer out;
	buffer_init(&out, METRICS_BYTES_MAX);
	write_verdicts(&out, counters);
	write_cache(&out, counters);
	write_single(&out, "safelight_edge_origin_failures_total", "counter",
	             "Fetches of media from the store that failed.", counters->origin_failures);
	write_single(&out, "safelight_edge_sent_bytes_total", "counter", "Bytes sent in answer to requests for media.",
	             counters->bytes_sent);
	write_single(&out, "safelight_edge_purged_total", "counter", "Objects dropped from the cache by purges.",
	             counters->purged);
	write_single(&out, "safelight_edge_limited_total", "counter", "Requests refused by a limit on their address.",
	             counters->limited);
	write_single(&out, "safelight_edge_connections", "gauge", "Open client connections.", *ngx_stat_active);
	ngx_int_t rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
	if (buffer_ok(&out))
		rc = edge_body_send(request, NGX_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", out.data,
		                    out.length);
	buffer_done(&out);
	return rc;
}

char *edge_set_metrics(ngx_conf_t *conf, ngx_command_t *command, void *location)
{
	(void)command;
	struct edge_conf *edge = location;
	if (edge->metrics != NGX_CONF_UNSET)
		return (char *)"is duplicate";
	edge->metrics = 1;
	ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(conf, ngx_http_core_module);
	core->handler = edge_metrics_handler;
	return NGX_CONF_OK;
}
