// Leases, pools, heartbeats.
#include "transcoder/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/settings.h"
#include "bus/kv.h"
#include "bus/message.h"
#include "bus/streams.h"
#include "transcoder/pool.h"
#include "transcoder/transcoder.h"

#define TICK_MS 100
#define HEARTBEAT_MS 3000
#define HEARTBEAT_BYTES 16384
// No job takes so long honestly (deadlines of fetch, decode and publish added up): its lease is left to end.
#define TASK_AGE_MOST_US (600LL * 1000000)

// What is needed to beat a job whose task may end meanwhile.
struct beat {
	struct uuid job_id;
	int64_t token;
};

// Copies who is to be beaten and tells the bus that their work goes on. Caller frees *ret_beats.
static size_t collect_beats(struct transcoder *transcoder, struct beat **ret_beats)
{
	struct task_list *list = &transcoder->tasks;
	size_t count = 0;
	int64_t now_us = clock_monotonic_us();
	(void)pthread_mutex_lock(&list->lock);
	struct beat *beats = list->count == 0 ? NULL : calloc(list->count, sizeof *beats);
	for (struct task *task = list->first; beats != NULL && task != NULL; task = task->next) {
		struct err err = { 0 };
		if (task->resize != NULL || atomic_load(&task->lost) || now_us - task->began_us > TASK_AGE_MOST_US)
			continue;
		beats[count++] = (struct beat){ .job_id = task->claim.job_id, .token = task->claim.token };
		(void)bus_message_progress(task->message,
		                           &err); // lost: the message comes again and finds its job taken
	}
	(void)pthread_mutex_unlock(&list->lock);
	*ret_beats = beats;
	return count;
}

static void mark_lost(struct transcoder *transcoder, const struct beat *beat)
{
	(void)pthread_mutex_lock(&transcoder->tasks.lock);
	for (struct task *task = transcoder->tasks.first; task != NULL; task = task->next)
		if (uuid_equal(&task->claim.job_id, &beat->job_id) && task->claim.token == beat->token)
			atomic_store(&task->lost, true);
	(void)pthread_mutex_unlock(&transcoder->tasks.lock);
}

static void beat_leases(struct transcoder *transcoder)
{
	struct beat *beats;
	size_t count = collect_beats(transcoder, &beats);
	bool is_reached = true;
	for (size_t i = 0; i < count && is_reached; i++) {
		struct err err = { 0 };
		struct catalog_call call = transcoder_call(NULL);
		enum rc rc = catalog_job_beat(&transcoder->catalog, &call, &beats[i].job_id, beats[i].token,
		                              transcoder->settings->transcoder_lease_ms, &err);
		if (rc == RC_CONFLICT)
			mark_lost(transcoder,
			          &beats[i]); // also a job that ended between collecting and beating: nobody there
		else if (rc != RC_OK)
			LOG_FAILURE(LOG_WARNING, "lease_not_renewed", &err);
		// A database that is away would cost its deadline for each: pools must be turned meanwhile.
		is_reached = !rc_is_transient(rc);
	}
	free(beats);
}

#define WRITE_INT(json, name, value) json_write_int(json, name, value)
#define WRITE_BOOL(json, name, value) json_write_bool(json, name, value)

static void write_pool(struct json_write *json, struct pool *pool)
{
	int64_t counts[METRIC_BOUNDS + 1];
	struct pool_live live = pool_read_live(pool);
	json_write_object_begin(json, NULL);
	json_write_text(json, "name", pool->name);
#define POOL_SETTING(key, kind, initial, least, most, unit, text) WRITE_##kind(json, #key, live.key);
#include "base/settings.def"
#undef POOL_SETTING
	json_write_int(json, "workers_wanted", pool_workers(pool));
	json_write_int(json, "workers_running", (int64_t)atomic_load(&pool->running));
	json_write_bool(json, "backs_off", pool_backs_off(pool));
	json_write_int(json, "children_died", (int64_t)atomic_load(&pool->deaths));
	json_write_int(json, "waiting", (int64_t)queue_length(pool->inputs));
	json_write_int(json, "done", metric_value(pool->metrics.done));
	json_write_int(json, "job_ms", metric_sum_us(pool->metrics.total_seconds) / 1000);
	json_write_int(json, "busy_ms", metric_sum_us(pool->metrics.decode_seconds) / 1000);
	metric_read_buckets(pool->metrics.total_seconds, counts);
	json_write_array_begin(json, "job_counts");
	for (size_t i = 0; i <= METRIC_BOUNDS; i++)
		json_write_int(json, NULL, counts[i]);
	json_write_array_end(json);
	json_write_int(json, "attempts_failed", metric_value(pool->metrics.failed));
	json_write_int(json, "jobs_failed", metric_value(pool->metrics.ended));
	json_write_object_end(json);
}

// "host:pid", with what a key may not have replaced.
static void make_key(const struct transcoder *transcoder, char ret_key[sizeof transcoder->worker_name])
{
	for (size_t i = 0; i < sizeof transcoder->worker_name; i++) {
		ret_key[i] = transcoder->worker_name[i];
		if (ret_key[i] == ':' || ret_key[i] == '.')
			ret_key[i] = '-';
	}
}

static void show_heartbeat(struct transcoder *transcoder)
{
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	char key[sizeof transcoder->worker_name];
	make_key(transcoder, key);
	buffer_init(&out, HEARTBEAT_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "worker", transcoder->worker_name);
	json_write_time(&json, "time", clock_now_us());
	json_write_text(&json, "sandbox", transcoder->layers);
	json_write_text(&json, "codecs", transcoder->codecs);
	json_write_array_begin(&json, "job_bounds_us");
	for (size_t i = 0; i < METRIC_BOUNDS; i++)
		json_write_int(&json, NULL, METRIC_BOUNDS_US[i]);
	json_write_array_end(&json);
	json_write_int(&json, "tasks", (int64_t)task_list_count(&transcoder->tasks));
	json_write_array_begin(&json, "pools");
	for (size_t i = 0; i < transcoder->pool_count; i++)
		write_pool(&json, transcoder->pools[i]);
	json_write_array_end(&json);
	json_write_object_end(&json);
	if (buffer_ok(&out) &&
	    bus_kv_put(transcoder->bus, BUS_BUCKET_WORKERS, key, out.data, out.length, NULL, &err) != RC_OK)
		LOG_FAILURE(LOG_DEBUG, "heartbeat_not_shown", &err);
	buffer_done(&out);
}

// After a drain nobody shall count on us; a heartbeat that cannot be removed ends by its age.
static void hide_heartbeat(struct transcoder *transcoder)
{
	struct err err = { 0 };
	char key[sizeof transcoder->worker_name];
	make_key(transcoder, key);
	if (bus_kv_delete(transcoder->bus, BUS_BUCKET_WORKERS, key, &err) != RC_OK)
		LOG_FAILURE(LOG_DEBUG, "heartbeat_not_removed", &err);
}

// What operators turn, and what comes of it, as one number (FNV-1a): when it changes, the heartbeat does not wait.
static uint64_t sum_settings(struct transcoder *transcoder)
{
	uint64_t sum = 14695981039346656037u;
	for (size_t i = 0; i < transcoder->pool_count; i++) {
		struct pool_live live = pool_read_live(transcoder->pools[i]);
		const int64_t values[] = {
#define POOL_SETTING(key, kind, initial, least, most, unit, text) live.key,
#include "base/settings.def"
#undef POOL_SETTING
			pool_workers(transcoder->pools[i]), pool_backs_off(transcoder->pools[i]),
			(int64_t)atomic_load(&transcoder->pools[i]->running)
		};
		for (size_t j = 0; j < sizeof values / sizeof values[0]; j++)
			sum = (sum ^ (uint64_t)values[j]) * 1099511628211u;
	}
	return sum;
}

// True of a worker of this host, "host:pid", whose process is gone, or is a corpse that nobody has buried: that one can
// be signalled, but runs no program.
static bool is_dead(const char *worker)
{
	const char *colon = strrchr(worker, ':');
	long pid = colon == NULL ? 0 : strtol(colon + 1, NULL, 10);
	char path[64], program[1];
	(void)snprintf(path, sizeof path, "/proc/%ld/exe", pid);
	return pid > 0 && pid != (long)getpid() && readlink(path, program, sizeof program) < 0 && errno == ENOENT;
}

// What died before us on this host holds leases that nobody beats: they need not run out. True when that is done.
static bool give_back_abandoned(struct transcoder *transcoder)
{
	struct err err = { 0 };
	struct catalog_call call = transcoder_call(NULL);
	char host[sizeof transcoder->worker_name];
	size_t count = 0;
	(void)snprintf(host, sizeof host, "%.*s",
	               (int)(strrchr(transcoder->worker_name, ':') - transcoder->worker_name), transcoder->worker_name);
	if (catalog_job_give_back(&transcoder->catalog, &call, host, is_dead, &count, &err) != RC_OK) {
		LOG_FAILURE(LOG_WARNING, "abandoned_jobs_not_given_back", &err);
		return false;
	}
	if (count > 0)
		LOG_EVENT(LOG_WARNING, "jobs_of_the_dead_given_back", LOG_INT("jobs", (int64_t)count));
	return true;
}

void *keeper_thread(void *argument)
{
	struct transcoder *transcoder = argument;
	bool is_cleared = false;
	struct deadline beat = deadline_after_ms(0), heartbeat = beat;
	uint64_t shown = 0;
	(void)pthread_setname_np(pthread_self(), "keeper");
	while (!atomic_load(&transcoder->keeper_stops)) {
		for (size_t i = 0; i < transcoder->pool_count; i++)
			pool_adjust(transcoder->pools[i]);
		if (deadline_passed(beat)) {
			beat = deadline_after_ms(transcoder->settings->transcoder_lease_ms / 3);
			is_cleared = is_cleared || give_back_abandoned(transcoder);
			beat_leases(transcoder);
		}
		uint64_t settings = sum_settings(transcoder);
		if (deadline_passed(heartbeat) || settings != shown) {
			shown = settings;
			heartbeat = deadline_after_ms(HEARTBEAT_MS);
			show_heartbeat(transcoder);
		}
		clock_sleep_ms(TICK_MS);
	}
	hide_heartbeat(transcoder);
	return NULL;
}
