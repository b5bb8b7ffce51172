// safelight-api: accounts, items, media and their delivery URLs over HTTP.
#include <stdlib.h>

#include "base/background.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/password.h"
#include "base/service.h"
#include "base/settings.h"
#include "base/work_pool.h"
#include "bus/bus.h"
#include "bus/streams.h"
#include "cache/cache.h"
#include "cache/rates.h"
#include "catalog/idempotency.h"
#include "catalog/session_guard.h"
#include "db/options.h"
#include "db/pipeline.h"
#include "db/pool.h"
#include "http/access_token.h"
#include "http/rate_limit.h"
#include "http/rate_share.h"
#include "http/respond.h"
#include "http/route_list.h"
#include "http/server.h"
#include "http/trace.h"
#include "media/cursor.h"
#include "media/preset_set.h"
#include "metadata-api/account_eraser.h"
#include "metadata-api/api.h"
#include "metadata-api/audit_keeper.h"
#include "metadata-api/event_hub.h"
#include "metadata-api/external_keys.h"
#include "metadata-api/push_sender.h"
#include "metadata-api/replica.h"
#include "metadata-api/routes.h"
#include "metadata-api/share_board.h"
#include "metadata-api/variant_cache.h"
#include "metadata-api/webhook_sender.h"

// Logins that may wait for a hashing thread: at some tens of milliseconds each, longer queues only make time-outs.
#define HASH_QUEUE 64
#define PIPELINE_QUEUE 4096
// Accounts and addresses whose calls are counted at once: 3.7 MB.
#define RATE_BUCKETS 65536

struct api *api_of(const struct http_request *request)
{
	return http_request_context(request);
}

void api_hash_on_pool(struct http_request *request, void (*run)(void *request))
{
	struct api *api = api_of(request);
	http_request_defer(request);
	if (work_pool_submit(api->hashers, run, request) == RC_OK)
		return;
	http_respond_retry_after(request, 2);
	http_respond_problem(request, 503, "overloaded",
	                     "Too many people are logging in right now. Try again in a moment.");
}

static void check_ready(void *context, struct http_ready *ready, struct deadline deadline)
{
	struct api *api = context;
	struct err err = { 0 };
	http_ready_add(ready, "database", db_pool_ping(api->pool, deadline, &err) == RC_OK, NULL);
	http_ready_add(ready, "database_pipeline", db_pipeline_is_up(api->pipeline), NULL);
}

static bool admit(void *context, struct http_request *request)
{
	struct api *api = context;
	return rate_limit_admit_calls(api->limits, request, (unsigned)api->live.account_calls,
	                              (unsigned)api->live.address_calls);
}

// What may change live.
static void reload(void *state, const struct settings *settings)
{
	struct api_live *live = &((struct api *)state)->live;
	live->account_calls = settings->http_account_calls;
	live->address_calls = settings->http_address_calls;
	live->login_tries = settings->api_login_tries;
	live->login_pause_seconds = settings->api_login_pause_seconds;
	live->refresh_seconds = settings->api_refresh_seconds;
	live->refresh_grace_seconds = settings->api_refresh_grace_seconds;
	live->search_ms = settings->api_search_ms;
	live->share_url_seconds = settings->api_share_url_seconds;
	live->event_clients_of_account = settings->api_event_clients_of_account;
	live->audit_days = settings->api_audit_days;
	live->told_days = settings->api_told_days;
	live->webhook_disable_days = settings->webhook_disable_days;
}

static enum rc load_keys(struct api *api, struct err *err)
{
	const struct settings *settings = api->settings;
	enum rc rc = delivery_keys_parse(settings->cdn_keys, &api->delivery, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "[cdn] keys");
	rc = preset_set_new(settings, &api->presets, err);
	if (rc != RC_OK)
		return rc;
	rc = cursor_key_parse(settings->api_cursor_key, &api->cursor_key, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "[api] cursor_key");
	rc = cursor_key_parse(settings->api_refresh_key, &api->refresh_key, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "[api] refresh_key");
	rc = access_token_keys_new(settings->auth_jwt_key, settings->auth_issuer, settings->auth_audience, &api->tokens,
	                           err);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "[auth] jwt_key");
}

static void report_guard(const struct err *err)
{
	LOG_FAILURE(LOG_WARNING, "ended_sessions_not_read", err);
}

static enum rc open_database(struct api *api, struct err *err)
{
	const struct settings *settings = api->settings;
	struct db_options options;
	db_options_init(&options, settings, settings->api_database_user, settings->api_database_password,
	                "safelight-api", api->metrics);
	options.one_plan = true; // pages that begin anywhere, filters that are absent: each statement has its index
	enum rc rc = db_pool_new(&options, (unsigned)settings->database_connections, &api->pool, err);
	if (rc == RC_OK)
		rc = db_pipeline_new(&options, (unsigned)settings->database_pipelines, PIPELINE_QUEUE, &api->pipeline,
		                     err);
	if (rc == RC_OK)
		rc = replica_new(api, &options, &api->replica, err);
	if (rc == RC_OK)
		rc = session_guard_new(api->pipeline, settings->api_access_seconds, report_guard, &api->guard, err);
	api->catalog = (struct catalog){ .pool = api->pool, .pipeline = api->pipeline, .source = "/safelight/api" };
	return rc;
}

static enum rc start_webhooks(struct api *api, struct err *err)
{
	if (api->settings->webhook_key[0] == '\0')
		return RC_OK;
	if (secret_box_key_parse(api->settings->webhook_key, &api->webhook_box, err) != RC_OK)
		return err_prefix(err, RC_INVALID, "[webhook] key");
	api->has_webhooks = true;
	return webhook_sender_new(api, &api->webhooks, err);
}

// What happened may be due to be told.
static void wake_senders(void *context)
{
	struct api *api = context;
	webhook_sender_wake(api->webhooks);
	push_sender_wake(api->pushes);
}

// Without the bus everything works but live events, which begin when it is there.
static enum rc open_bus(struct api *api, struct err *err)
{
	const struct settings *settings = api->settings;
	const struct bus_options options = { .servers = settings->bus_url,
		                             .token = settings->bus_token,
		                             .name = "safelight-api",
		                             .timeout_ms = settings->bus_timeout_ms,
		                             .metrics = api->metrics };
	struct err missing = { 0 };
	enum rc rc = bus_open(&options, &api->bus, err);
	if (rc != RC_OK)
		return rc;
	if (bus_ensure_streams(api->bus, (unsigned)settings->bus_replicas, &missing) != RC_OK)
		LOG_FAILURE(LOG_WARNING, "no_live_events_yet", &missing);
	return event_hub_new(api, api->bus, wake_senders, api, &api->events, err);
}

// Limits, which other instances share where there is Redis.
static enum rc open_limits(struct api *api, struct err *err)
{
	enum rc rc = cache_open_configured(api->settings, "api", api->metrics, &api->cache, err);
	if (rc == RC_OK)
		rc = rate_limit_new(RATE_BUCKETS, &api->limits, err);
	if (rc != RC_OK)
		return rc;
	struct rate_exchange exchange = cache_rates(api->cache);
	return rate_share_start(api->limits, &exchange, &api->rate_share, err);
}

static enum rc serve(struct api *api, struct err *err)
{
	api->idempotency = catalog_idempotency_store(&api->catalog);
	api->gate = (struct access_token_gate){ .keys = api->tokens,
		                                .has_ended = session_guard_has_ended,
		                                .has_ended_context = api->guard };
	const struct settings *settings = api->settings;
	struct http_server_config config = {
		.name = "api",
		.listen = settings->api_listen,
		.event_threads = (unsigned)settings->http_event_threads,
		.workers = (unsigned)settings->http_workers,
		.queue = (size_t)settings->http_queue,
		.connections = (unsigned)settings->http_connections,
		.request_ms = settings->http_request_ms,
		.cors_origins = settings->http_cors_origins,
		.routes = API_ROUTES,
		.route_count = API_ROUTE_COUNT,
		.context = api,
		.authenticate = access_token_authenticate,
		.authenticate_context = &api->gate,
		.admit = admit,
		.idempotency = &api->idempotency,
		.hold = replica_hold,
		.check_ready = check_ready,
		.metrics = api->metrics,
		.trace = api->trace,
	};
	return http_server_start(&config, &api->server, err);
}

static void stop(void *state, int64_t drain_ms)
{
	struct api *api = state;
	http_server_drain(api->server, drain_ms);
	event_hub_free(api->events);
	bus_close(api->bus);
	webhook_sender_free(api->webhooks);
	push_sender_free(api->pushes);
	work_pool_free(api->hashers);
	background_free(api->eraser);
	background_free(api->keeper);
	external_keys_free(api->external);
	session_guard_free(api->guard);
	replica_free(api->replica);
	// Each of the two calls the other: Redis' answers first, then none any more.
	rate_share_stop(api->rate_share);
	cache_stop(api->cache);
	db_pipeline_free(api->pipeline, 1000);
	share_board_free(api->shares);
	variant_cache_free(api->variants);
	db_pool_free(api->pool);
	access_token_keys_free(api->tokens);
	delivery_keys_wipe(&api->delivery);
	crypto_wipe(&api->webhook_box, sizeof api->webhook_box);
	password_policy_free(api->passwords);
	cache_close(api->cache);
	rate_limit_free(api->limits);
	preset_set_free(api->presets);
	trace_exporter_free(api->trace);
	metrics_free(api->metrics);
	free(api);
}

static enum rc start(const struct settings *settings, void **ret_state, struct err *err)
{
	struct api *api = calloc(1, sizeof *api);
	if (api == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	api->settings = settings;
	api->metrics = metrics_new();
	reload(api, settings);
	enum rc rc = load_keys(api, err);
	if (rc == RC_OK)
		rc = trace_exporter_configured(settings, "safelight-api", api->metrics, &api->trace, err);
	if (rc == RC_OK)
		rc = open_database(api, err);
	if (rc == RC_OK) {
		api->passwords = password_policy_new((size_t)settings->api_hash_memory_bytes,
		                                     (unsigned)settings->api_hash_passes, err);
		api->hashers = work_pool_new("hash", (unsigned)settings->api_hash_parallel, HASH_QUEUE, err);
		rc = api->passwords == NULL || api->hashers == NULL ? RC_NO_MEMORY : RC_OK;
	}
	if (rc == RC_OK)
		rc = open_limits(api, err);
	if (rc == RC_OK)
		rc = background_new("eraser", ACCOUNT_ERASER_PAUSE_MS, account_eraser_work, api, &api->eraser, err);
	if (rc == RC_OK)
		rc = background_new("keeper", AUDIT_KEEPER_PAUSE_MS, audit_keeper_work, api, &api->keeper, err);
	if (rc == RC_OK)
		rc = external_keys_new(settings, &api->external, err);
	if (rc == RC_OK)
		rc = share_board_new(api, &api->shares, err);
	if (rc == RC_OK) {
		api->variants = variant_cache_new((size_t)settings->api_variants_bytes, api->metrics);
		rc = api->variants == NULL ? RC_NO_MEMORY : RC_OK;
	}
	if (rc == RC_OK)
		rc = start_webhooks(api, err);
	if (rc == RC_OK)
		rc = push_sender_new(api, &api->pushes, err);
	if (rc == RC_OK)
		rc = open_bus(api, err);
	if (rc == RC_OK)
		rc = serve(api, err);
	if (rc != RC_OK) {
		stop(api, 0);
		return rc;
	}
	*ret_state = api;
	return RC_OK;
}

static void print_routes(FILE *out)
{
	http_route_list_print(out, API_ROUTES, API_ROUTE_COUNT);
}

int main(int argc, char **argv)
{
	static const struct service SERVICE = {
		.name = "api",
		.summary = "accounts, items, media and their delivery URLs over HTTP.",
		.secrets = "api.* auth.* bus.token cdn.keys redis.* webhook.* push.*",
		.check = preset_set_check,
		.start = start,
		.reload = reload,
		.print_routes = print_routes,
		.stop = stop,
	};
	return service_main(argc, argv, &SERVICE);
}
