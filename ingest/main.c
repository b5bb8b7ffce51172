// safelight-ingest: takes uploads, hands out presigned URLs, verifies what was sent, relays events, and reconciles.
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/service.h"
#include "base/settings.h"
#include "base/work_pool.h"
#include "bus/bus.h"
#include "cache/cache.h"
#include "cache/rates.h"
#include "catalog/idempotency.h"
#include "catalog/session_guard.h"
#include "db/options.h"
#include "db/pipeline.h"
#include "db/pool.h"
#include "http/access_token.h"
#include "http/client.h"
#include "http/rate_limit.h"
#include "http/rate_share.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route_list.h"
#include "http/server.h"
#include "http/trace.h"
#include "ingest/ingest.h"
#include "ingest/invalidate.h"
#include "ingest/reconciler.h"
#include "ingest/relay.h"
#include "ingest/routes.h"
#include "ingest/sns.h"
#include "ingest/tus.h"
#include "media/preset_set.h"
#include "store/store.h"

#define PIPELINE_QUEUE 4096
// Accounts and addresses whose calls are counted at once: 3.7 MB.
#define RATE_BUCKETS 65536
// What the relay and the reconciler may need to end after the requests have.
#define BACKGROUND_DRAIN_MS 10000
#define PIPELINE_DRAIN_MS 1000
// More open connections than the edges keep to us, and callers of our own.
#define KEPT_CONNECTIONS 512

struct ingest *ingest_of(const struct http_request *request)
{
	return http_request_context(request);
}

struct catalog_call ingest_call_of(const struct http_request *request)
{
	return (struct catalog_call){ .deadline = http_request_deadline(request),
		                      .traceparent = http_request_traceparent(request) };
}

void ingest_run_settler(struct http_request *request, void (*run)(void *argument), void *argument)
{
	struct ingest *ingest = ingest_of(request);
	http_request_defer(request);
	if (work_pool_submit(ingest->settlers, run, argument) == RC_OK)
		return;
	http_respond_retry_after(request, 2);
	http_respond_problem(request, 503, "overloaded",
	                     "Too many uploads are being completed right now. Try again in a moment.");
}

bool ingest_let_go_if_over(struct http_request *request)
{
	if (!http_request_is_over(request))
		return false;
	http_respond_empty(request, 503); // goes nowhere, and frees the request
	return true;
}

int64_t ingest_store_ms(const struct ingest *ingest, struct deadline deadline)
{
	int64_t left = deadline_left_ms(deadline), most = ingest->settings->store_timeout_ms;
	left = left < most ? left : most;
	return left < 1 ? 1 : left;
}

// The store tells of as many objects as there are, from one address.
static bool admit(void *context, struct http_request *request)
{
	struct ingest *ingest = context;
	return http_request_route(request) == &route_hook_s3 ||
	       rate_limit_admit_calls(ingest->limits, request, (unsigned)ingest->live.account_calls,
	                              (unsigned)ingest->live.address_calls);
}

static void report_guard(const struct err *err)
{
	LOG_FAILURE(LOG_WARNING, "ended_sessions_not_read", err);
}

static void check_ready(void *context, struct http_ready *ready, struct deadline deadline)
{
	struct ingest *ingest = context;
	struct store_page page = { 0 };
	struct err err = { 0 };
	const struct store_list_options one = { .page_size = 1, .timeout_ms = ingest_store_ms(ingest, deadline) };
	http_ready_add(ready, "database", db_pool_ping(ingest->pool, deadline, &err) == RC_OK, NULL);
	http_ready_add(ready, "database_pipeline", db_pipeline_is_up(ingest->pipeline), NULL);
	http_ready_add(ready, "bus", bus_is_connected(ingest->bus), NULL);
	enum rc rc = store_list(ingest->store, ingest->settings->store_originals_bucket, &one, &page, &err);
	http_ready_add(ready, "store", rc == RC_OK, NULL);
	if (rc == RC_OK)
		store_page_done(&page);
}

// What may change live.
static void reload(void *state, const struct settings *settings)
{
	struct ingest_live *live = &((struct ingest *)state)->live;
	live->account_calls = settings->http_account_calls;
	live->address_calls = settings->http_address_calls;
	live->max_upload_bytes = settings->ingest_max_upload_bytes;
	live->max_image_bytes = settings->ingest_max_image_bytes;
	live->presign_seconds = settings->store_presign_seconds;
	live->multipart_bytes = settings->ingest_multipart_bytes;
	live->part_bytes = settings->ingest_part_bytes;
	live->multipart_seconds = settings->ingest_multipart_seconds;
	live->expiry_grace_seconds = settings->ingest_expiry_grace_seconds;
	live->reconcile_ms = settings->ingest_reconcile_ms;
	live->overdue_ms = settings->ingest_overdue_ms;
	live->orphan_grace_seconds = settings->ingest_orphan_grace_seconds;
}

static struct metric *add_upload_counter(struct metrics *metrics, const char *labels)
{
	return metrics_add(metrics, METRIC_COUNTER, "safelight_uploads_total", "Uploads by what became of them.",
	                   labels);
}

static struct metric *add_end_counter(struct metrics *metrics, const char *labels)
{
	return metrics_add(metrics, METRIC_COUNTER, "safelight_uploads_ended_total",
	                   "Uploads completed or rejected, by who told that the bytes were there.", labels);
}

static void add_metrics(struct ingest *ingest)
{
	struct metrics *metrics = ingest->metrics;
	ingest->counters = (struct ingest_counters){
		.begun = add_upload_counter(metrics, "outcome=\"begun\""),
		.repeated = add_upload_counter(metrics, "outcome=\"repeated\""),
		.duplicates = add_upload_counter(metrics, "outcome=\"duplicate\""),
		.completed = add_upload_counter(metrics, "outcome=\"completed\""),
		.rejected = add_upload_counter(metrics, "outcome=\"rejected\""),
		.aborted = add_upload_counter(metrics, "outcome=\"aborted\""),
		.expired = add_upload_counter(metrics, "outcome=\"expired\""),
		.by_client = add_end_counter(metrics, "by=\"client\""),
		.by_event = add_end_counter(metrics, "by=\"event\""),
		.by_sweep = add_end_counter(metrics, "by=\"sweep\""),
	};
}

static enum rc open_store(struct ingest *ingest, struct err *err)
{
	const struct settings *settings = ingest->settings;
	enum rc rc = store_open_configured(settings, settings->ingest_access_key, settings->ingest_secret_key,
	                                   ingest->metrics, &ingest->store, err);
	if (rc == RC_OK)
		rc = store_open_configured(settings, settings->ingest_presign_access_key,
		                           settings->ingest_presign_secret_key, ingest->metrics, &ingest->presigner,
		                           err);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "[store]");
}

static enum rc open_bus(struct ingest *ingest, struct err *err)
{
	const struct settings *settings = ingest->settings;
	const struct bus_options options = { .servers = settings->bus_url,
		                             .token = settings->bus_token,
		                             .name = "safelight-ingest",
		                             .timeout_ms = settings->bus_timeout_ms,
		                             .metrics = ingest->metrics };
	enum rc rc = bus_open(&options, &ingest->bus, err);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "[bus]");
}

// Limits, which other instances share where there is Redis.
static enum rc open_limits(struct ingest *ingest, struct err *err)
{
	enum rc rc = cache_open_configured(ingest->settings, "ingest", ingest->metrics, &ingest->cache, err);
	if (rc == RC_OK)
		rc = rate_limit_new(RATE_BUCKETS, &ingest->limits, err);
	if (rc != RC_OK)
		return rc;
	struct rate_exchange exchange = cache_rates(ingest->cache);
	return rate_share_start(ingest->limits, &exchange, &ingest->rate_share, err);
}

static enum rc serve(struct ingest *ingest, struct err *err)
{
	ingest->idempotency = catalog_idempotency_store(&ingest->catalog);
	ingest->gate = (struct access_token_gate){ .keys = ingest->tokens,
		                                   .has_ended = session_guard_has_ended,
		                                   .has_ended_context = ingest->guard };
	const struct settings *settings = ingest->settings;
	const struct http_server_config config = {
		.name = "ingest",
		.listen = settings->ingest_listen,
		.event_threads = (unsigned)settings->http_event_threads,
		.workers = (unsigned)settings->http_workers,
		.queue = (size_t)settings->http_queue,
		.connections = (unsigned)settings->http_connections,
		.connection_bytes = INGEST_CONNECTION_BYTES,
		.kept_connections = KEPT_CONNECTIONS,
		.request_ms = settings->http_request_ms,
		.cors_origins = settings->http_cors_origins,
		.routes = INGEST_ROUTES,
		.route_count = INGEST_ROUTE_COUNT,
		.context = ingest,
		.authenticate = access_token_authenticate,
		.authenticate_context = &ingest->gate,
		.admit = admit,
		.idempotency = &ingest->idempotency,
		.check_ready = check_ready,
		.metrics = ingest->metrics,
		.trace = ingest->trace,
	};
	return http_server_start(&config, &ingest->server, err);
}

// The pool, the pipeline and the relay's LISTEN share the way to the database.
static enum rc start_background(struct ingest *ingest, struct err *err)
{
	const struct settings *settings = ingest->settings;
	struct db_options options;
	db_options_init(&options, settings, settings->ingest_database_user, settings->ingest_database_password,
	                "safelight-ingest", ingest->metrics);
	enum rc rc = db_pool_new(&options, (unsigned)settings->database_connections, &ingest->pool, err);
	if (rc == RC_OK)
		rc = db_pipeline_new(&options, (unsigned)settings->database_pipelines, PIPELINE_QUEUE,
		                     &ingest->pipeline, err);
	ingest->catalog =
	        (struct catalog){ .pool = ingest->pool, .pipeline = ingest->pipeline, .source = "/safelight/ingest" };
	if (rc == RC_OK)
		rc = session_guard_new(ingest->pipeline, settings->api_access_seconds, report_guard, &ingest->guard,
		                       err);
	if (rc == RC_OK)
		rc = open_limits(ingest, err);
	if (rc == RC_OK)
		rc = open_store(ingest, err);
	if (rc == RC_OK)
		rc = open_bus(ingest, err);
	if (rc == RC_OK)
		rc = http_client_new(&(struct http_client_config){ .user_agent = "safelight-ingest" }, &ingest->client,
		                     err);
	if (rc == RC_OK)
		rc = invalidator_new(settings, ingest->client, ingest->metrics, &ingest->invalidator, err);
	if (rc == RC_OK) {
		ingest->settlers =
		        work_pool_new("settle", (unsigned)settings->http_workers, (size_t)settings->http_queue, err);
		rc = ingest->settlers == NULL ? RC_NO_MEMORY : RC_OK;
	}
	if (rc == RC_OK)
		rc = sns_new(settings, &ingest->sns, err);
	if (rc == RC_OK)
		rc = tus_start(ingest, &ingest->tus, err);
	if (rc == RC_OK)
		rc = relay_start(ingest, &options, &ingest->relay, err);
	if (rc == RC_OK)
		rc = reconciler_start(ingest, &ingest->reconciler, err);
	return rc;
}

// Requests first; then what works on its own; then what all of them lean on.
static void stop(void *state, int64_t drain_ms)
{
	struct ingest *ingest = state;
	tus_leave(ingest->tus);
	http_server_drain(ingest->server, drain_ms > BACKGROUND_DRAIN_MS ? drain_ms - BACKGROUND_DRAIN_MS : 0);
	tus_stop(ingest->tus);
	ingest->is_stopping = true;
	work_pool_free(ingest->settlers);
	sns_free(ingest->sns);
	reconciler_stop(ingest->reconciler);
	relay_stop(ingest->relay);
	invalidator_free(ingest->invalidator);
	http_client_free(ingest->client);
	bus_close(ingest->bus);
	store_free(ingest->presigner);
	store_free(ingest->store);
	session_guard_free(ingest->guard);
	rate_share_stop(ingest->rate_share);
	cache_close(ingest->cache);
	rate_limit_free(ingest->limits);
	db_pipeline_free(ingest->pipeline, PIPELINE_DRAIN_MS);
	db_pool_free(ingest->pool);
	access_token_keys_free(ingest->tokens);
	preset_set_free(ingest->presets);
	trace_exporter_free(ingest->trace);
	metrics_free(ingest->metrics);
	free(ingest);
}

static enum rc start(const struct settings *settings, void **ret_state, struct err *err)
{
	struct ingest *ingest = calloc(1, sizeof *ingest);
	if (ingest == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	ingest->settings = settings;
	ingest->metrics = metrics_new();
	ingest->put_if_absent = true;
	reload(ingest, settings);
	add_metrics(ingest);
	enum rc rc = access_token_keys_new(settings->auth_jwt_key, settings->auth_issuer, settings->auth_audience,
	                                   &ingest->tokens, err);
	if (rc != RC_OK)
		(void)err_prefix(err, rc, "[auth] jwt_key");
	if (rc == RC_OK)
		rc = preset_set_new(settings, &ingest->presets, err);
	if (rc == RC_OK)
		rc = trace_exporter_configured(settings, "safelight-ingest", ingest->metrics, &ingest->trace, err);
	if (rc == RC_OK)
		rc = start_background(ingest, err);
	if (rc == RC_OK)
		rc = serve(ingest, err);
	if (rc != RC_OK) {
		stop(ingest, 0);
		return rc;
	}
	if (settings->ingest_hook_token[0] == '\0')
		LOG_EVENT(LOG_WARNING, "hook_disabled", LOG_TEXT("why", "[ingest] hook_token is not set"));
	*ret_state = ingest;
	return RC_OK;
}

static void print_routes(FILE *out)
{
	http_route_list_print(out, INGEST_ROUTES, INGEST_ROUTE_COUNT);
}

int main(int argc, char **argv)
{
	static const struct service SERVICE = {
		.name = "ingest",
		.summary = "takes uploads, verifies them, relays events, and reconciles what was left behind.",
		.secrets = "ingest.* bus.* auth.* redis.* cdn.purge_token cdn.cloudfront_secret_key",
		.check = preset_set_check,
		.start = start,
		.reload = reload,
		.print_routes = print_routes,
		.stop = stop,
	};
	return service_main(argc, argv, &SERVICE);
}
