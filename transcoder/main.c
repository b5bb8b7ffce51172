// safelight-transcoder: takes jobs, has sandboxed children make the variants, publishes them.
#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/service.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "bus/health.h"
#include "bus/kv.h"
#include "bus/streams.h"
#include "db/options.h"
#include "db/pipeline.h"
#include "db/pool.h"
#include "http/route.h"
#include "http/server.h"
#include "http/trace.h"
#include "media/preset_set.h"
#include "store/store.h"
#include "transcoder/child.h"
#include "transcoder/children.h"
#include "transcoder/keeper.h"
#include "transcoder/live.h"
#include "transcoder/pool.h"
#include "transcoder/publish.h"
#include "transcoder/resize.h"
#include "transcoder/scaler.h"
#include "transcoder/settle.h"
#include "transcoder/transcoder.h"

#define PUBLICATIONS_WAITING 64
#define PIPELINE_QUEUE 1024
#define PROBE_MS 30000

struct catalog_call transcoder_call(const struct task *task)
{
	return (struct catalog_call){ .deadline = deadline_after_ms(TRANSCODER_DATABASE_MS),
		                      .traceparent =
		                              task == NULL || task->traceparent[0] == '\0' ? NULL : task->traceparent };
}

bool transcoder_is_late(const struct transcoder *transcoder)
{
	int64_t late_us = atomic_load(&transcoder->late_us);
	return late_us != 0 && clock_monotonic_us() >= late_us;
}

static void check_ready(void *context, struct http_ready *ready, struct deadline deadline)
{
	struct transcoder *transcoder = context;
	struct err err = { 0 };
	struct bus_health *health = malloc(sizeof *health);
	http_ready_add(ready, "database", db_pool_ping(transcoder->database, deadline, &err) == RC_OK, NULL);
	http_ready_add(ready, "bus",
	               health != NULL && bus_health_check(transcoder->bus, health, deadline, &err) == RC_OK, NULL);
	for (size_t i = 0; i < transcoder->pool_count; i++)
		http_ready_add(ready, transcoder->pools[i]->name, atomic_load(&transcoder->pools[i]->running) > 0,
		               NULL);
	free(health);
}

// The decoder beside our own binary, unless the configuration names one.
static enum rc find_decoder(struct transcoder *transcoder, struct err *err)
{
	const char *configured = transcoder->settings->transcoder_decoder;
	char own[sizeof transcoder->decoder - 32];
	if (configured[0] != '\0') {
		(void)snprintf(transcoder->decoder, sizeof transcoder->decoder, "%s", configured);
	} else {
		ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
		if (length < 0)
			return err_set(err, RC_INTERNAL, "/proc/self/exe: %s", strerror(errno));
		own[length] = '\0';
		(void)snprintf(transcoder->decoder, sizeof transcoder->decoder, "%s/safelight-decoder", dirname(own));
	}
	if (access(transcoder->decoder, X_OK) != 0)
		return err_set(err, RC_NOT_FOUND, "decoder %s: %s", transcoder->decoder, strerror(errno));
	return RC_OK;
}

// Start one child of a profile to learn, and say, which layers of the sandbox hold here.
static enum rc probe_profile(struct transcoder *transcoder, const char *profile, struct err *err)
{
	const struct settings *settings = transcoder->settings;
	const struct child_config config = {
		.decoder = transcoder->decoder,
		.profile = profile,
		.uid = (uint32_t)settings->transcoder_decoder_uid,
		.memory_bytes = (uint64_t)settings->transcoder_decode_memory_bytes,
		.max_output_bytes = (uint64_t)settings->transcoder_max_output_bytes,
		.cpu_seconds = PROBE_MS / 1000,
		.sandbox_required = strcmp(settings->transcoder_sandbox, "required") == 0,
	};
	struct child *child = NULL;
	enum rc rc = child_spawn(&config, &child, err);
	if (rc == RC_OK)
		rc = child_wait_ready(child, deadline_after_ms(PROBE_MS), err);
	if (rc == RC_OK) {
		const struct wire_ready *ready = child_ready(child);
		wire_layers_text(ready->layers, transcoder->layers, sizeof transcoder->layers);
		memcpy(transcoder->codecs, ready->codecs, sizeof transcoder->codecs);
		LOG_EVENT(LOG_INFO, "sandbox", LOG_TEXT("profile", profile), LOG_TEXT("layers", transcoder->layers),
		          LOG_INT("landlock_abi", ready->landlock_abi),
		          LOG_INT("warm_up_milliseconds", ready->warm_up_ms), LOG_TEXT("codecs", ready->codecs));
	}
	child_free(child);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "the decoder's sandbox");
}

// Each profile that a pool works in; without the layers that are required do not start. What is said of the photo
// profile last stands for all in the status.
static enum rc probe_sandbox(struct transcoder *transcoder, struct err *err)
{
	enum rc rc = RC_OK;
	if (settings_find_pool(transcoder->settings, PRESET_POOL_DOCUMENT) != NULL)
		rc = probe_profile(transcoder, children_profile(PRESET_POOL_DOCUMENT), err);
	return rc == RC_OK ? probe_profile(transcoder, children_profile(PRESET_POOL_FAST), err) : rc;
}

static enum rc check_choices(const struct settings *settings, struct err *err)
{
	if (strcmp(settings->transcoder_sandbox, "required") != 0 &&
	    strcmp(settings->transcoder_sandbox, "best-effort") != 0)
		return err_set(err, RC_INVALID, "[transcoder] sandbox must be required or best-effort");
	if (strcmp(settings->transcoder_isolation, "owner") != 0 && strcmp(settings->transcoder_isolation, "pool") != 0)
		return err_set(err, RC_INVALID, "[transcoder] isolation must be owner or pool");
	for (size_t i = 0; i < settings->pool_count; i++) {
		const struct pool_settings *pool = &settings->pools[i];
		if (pool->workers_max > 0 && pool->workers_min > pool->workers_max)
			return err_set(err, RC_INVALID, "[pool.%s] workers_min is above workers_max", pool->name);
	}
	return RC_OK;
}

static enum rc open_dependencies(struct transcoder *transcoder, struct err *err)
{
	const struct settings *settings = transcoder->settings;
	struct db_options database;
	db_options_init(&database, settings, settings->transcoder_database_user, settings->transcoder_database_password,
	                "safelight-transcoder", transcoder->metrics);
	enum rc rc = db_pool_new(&database, (unsigned)settings->database_connections, &transcoder->database, err);
	if (rc == RC_OK)
		rc = db_pipeline_new(&database, (unsigned)settings->database_pipelines, PIPELINE_QUEUE,
		                     &transcoder->pipeline, err);
	if (rc == RC_OK)
		rc = store_open_configured(settings, settings->transcoder_access_key, settings->transcoder_secret_key,
		                           transcoder->metrics, &transcoder->store, err);
	const struct bus_options bus = { .servers = settings->bus_url,
		                         .token = settings->bus_token,
		                         .name = "safelight-transcoder",
		                         .timeout_ms = settings->bus_timeout_ms,
		                         .metrics = transcoder->metrics };
	if (rc == RC_OK)
		rc = bus_open(&bus, &transcoder->bus, err);
	transcoder->catalog = (struct catalog){ .pool = transcoder->database,
		                                .pipeline = transcoder->pipeline,
		                                .source = "/safelight/transcoder" };
	if (rc != RC_OK)
		return rc;
	// NATS may be down now: the bus makes the streams when it is there.
	struct err later = { 0 };
	if (bus_ensure_streams(transcoder->bus, (unsigned)settings->bus_replicas, &later) != RC_OK)
		LOG_FAILURE(LOG_WARNING, "streams_not_ensured", &later);
	return RC_OK;
}

static enum rc start_threads(struct transcoder *transcoder, struct err *err)
{
	const struct settings *settings = transcoder->settings;
	size_t wanted = (size_t)settings->transcoder_upload_threads;
	transcoder->publications = queue_new(PUBLICATIONS_WAITING);
	transcoder->publishers = calloc(wanted, sizeof transcoder->publishers[0]);
	if (transcoder->publications == NULL || transcoder->publishers == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	for (size_t i = 0; i < wanted; i++) {
		if (pthread_create(&transcoder->publishers[i], NULL, publish_thread, transcoder) != 0)
			return err_set(err, RC_UNAVAILABLE, "cannot start publisher %zu", i);
		transcoder->publisher_count++;
	}
	enum rc rc = RC_OK;
	for (size_t i = 0; i < settings->pool_count && rc == RC_OK; i++) {
		rc = pool_new(transcoder, &settings->pools[i], &transcoder->pools[i], err);
		if (rc == RC_OK)
			transcoder->pool_count++;
	}
	if (rc == RC_OK)
		rc = bus_kv_watch_start(transcoder->bus, BUS_BUCKET_POOLS, live_on_change, transcoder,
		                        &transcoder->watch, err);
	if (rc == RC_OK && settings_find_pool(settings, PRESET_POOL_RESIZE) != NULL)
		rc = resizes_new(transcoder, &transcoder->resizes, err);
	for (size_t i = 0; i < transcoder->pool_count && rc == RC_OK; i++)
		rc = pool_start(transcoder->pools[i], err);
	if (rc == RC_OK && pthread_create(&transcoder->keeper, NULL, keeper_thread, transcoder) != 0)
		rc = err_set(err, RC_UNAVAILABLE, "cannot start the keeper");
	transcoder->has_keeper = rc == RC_OK;
	if (rc == RC_OK && pthread_create(&transcoder->scaler, NULL, scaler_thread, transcoder) != 0)
		rc = err_set(err, RC_UNAVAILABLE, "cannot start the scaler");
	transcoder->has_scaler = rc == RC_OK;
	return rc;
}

static enum rc serve(struct transcoder *transcoder, struct err *err)
{
	const struct settings *settings = transcoder->settings;
	static const struct route *const ROUTES[] = { &route_resize };
	const struct http_server_config config = {
		.name = "transcoder",
		.listen = settings->transcoder_listen,
		.event_threads = 1,
		.workers = 2,
		.queue = 16,
		.connections = 256,
		.request_ms = settings->http_request_ms,
		.routes = ROUTES,
		.route_count = 1,
		.context = transcoder,
		.check_ready = check_ready,
		.metrics = transcoder->metrics,
		.trace = transcoder->trace,
	};
	return http_server_start(&config, &transcoder->server, err);
}

static void kill_children(struct transcoder *transcoder)
{
	atomic_store(&transcoder->abandoning, true);
	for (size_t i = 0; i < transcoder->pool_count; i++) {
		for (size_t worker = 0; worker < POOL_WORKERS_MAX; worker++) {
			int pid = atomic_load(&transcoder->pools[i]->workers[worker].child_pid);
			if (pid > 0)
				(void)kill(pid, SIGKILL);
		}
	}
}

// Fetched inputs that no worker took.
static void give_back_waiting(struct transcoder *transcoder)
{
	for (size_t i = 0; i < transcoder->pool_count; i++) {
		void *item;
		while (queue_pop(transcoder->pools[i]->inputs, &item, 0) == RC_OK)
			settle_released(transcoder, item);
	}
}

static bool has_workers(const struct transcoder *transcoder)
{
	for (size_t i = 0; i < transcoder->pool_count; i++)
		if (atomic_load(&transcoder->pools[i]->running) > 0)
			return true;
	return false;
}

static void drain(struct transcoder *transcoder, int64_t drain_ms)
{
	struct deadline deadline = deadline_after_ms(drain_ms * 3 / 4);
	atomic_store(&transcoder->late_us, deadline.at_us);
	atomic_store(&transcoder->stopping, true);
	while (has_workers(transcoder) && !deadline_passed(deadline)) {
		give_back_waiting(transcoder);
		clock_sleep_ms(20);
	}
	if (has_workers(transcoder))
		kill_children(transcoder);
	for (size_t i = 0; i < transcoder->pool_count; i++)
		pool_join(transcoder->pools[i]);
	give_back_waiting(transcoder);
	if (transcoder->publications != NULL)
		queue_close(transcoder->publications);
	for (size_t i = 0; i < transcoder->publisher_count; i++)
		(void)pthread_join(transcoder->publishers[i], NULL);
	atomic_store(&transcoder->keeper_stops, true);
	if (transcoder->has_keeper)
		(void)pthread_join(transcoder->keeper, NULL);
	if (transcoder->has_scaler)
		(void)pthread_join(transcoder->scaler, NULL);
}

static void stop(void *state, int64_t drain_ms)
{
	struct transcoder *transcoder = state;
	if (transcoder->server != NULL)
		http_server_set_leaving(transcoder->server);
	drain(transcoder, drain_ms);
	http_server_drain(transcoder->server, 1000);
	bus_kv_watch_stop(transcoder->watch);
	for (size_t i = 0; i < transcoder->pool_count; i++)
		pool_free(transcoder->pools[i]);
	resizes_free(transcoder->resizes);
	queue_free(transcoder->publications);
	free(transcoder->publishers);
	bus_close(transcoder->bus);
	store_free(transcoder->store);
	db_pipeline_free(transcoder->pipeline, 1000);
	db_pool_free(transcoder->database);
	admission_done(&transcoder->admission);
	task_list_done(&transcoder->tasks);
	preset_set_free(transcoder->presets);
	trace_exporter_free(transcoder->trace);
	metrics_free(transcoder->metrics);
	free(transcoder);
}

static enum rc start(const struct settings *settings, void **ret_state, struct err *err)
{
	struct transcoder *transcoder = calloc(1, sizeof *transcoder);
	if (transcoder == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	char host[64] = "localhost";
	(void)gethostname(host, sizeof host - 1);
	(void)snprintf(transcoder->worker_name, sizeof transcoder->worker_name, "%s:%ld", host, (long)getpid());
	transcoder->settings = settings;
	transcoder->metrics = metrics_new();
	task_list_init(&transcoder->tasks);
	admission_init(&transcoder->admission, settings->transcoder_memory_budget_bytes,
	               metrics_add(transcoder->metrics, METRIC_GAUGE, "safelight_admitted_bytes",
	                           "Estimated decoded bytes of the jobs being decoded.", NULL));
	enum rc rc = check_choices(settings, err);
	if (rc == RC_OK)
		rc = preset_set_new(settings, &transcoder->presets, err);
	if (rc == RC_OK)
		rc = find_decoder(transcoder, err);
	if (rc == RC_OK)
		rc = probe_sandbox(transcoder, err);
	if (rc == RC_OK)
		rc = trace_exporter_configured(settings, "safelight-transcoder", transcoder->metrics,
		                               &transcoder->trace, err);
	if (rc == RC_OK)
		rc = open_dependencies(transcoder, err);
	if (rc == RC_OK)
		rc = start_threads(transcoder, err);
	if (rc == RC_OK)
		rc = serve(transcoder, err);
	if (rc != RC_OK) {
		stop(transcoder, 1000);
		return rc;
	}
	*ret_state = transcoder;
	return RC_OK;
}

int main(int argc, char **argv)
{
	static const struct service SERVICE = {
		.name = "transcoder",
		.summary = "takes jobs, has sandboxed children make the variants, publishes them.",
		.secrets = "transcoder.* bus.*",
		.check = preset_set_check,
		.start = start,
		.stop = stop,
	};
	return service_main(argc, argv, &SERVICE);
}
