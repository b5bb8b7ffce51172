// Putting configuration, live settings and heartbeats together.
#include "bus/pools.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/settings.h"
#include "bus/kv.h"
#include "bus/streams.h"

#define TRIES 4

const struct bus_pool_range BUS_POOL_RANGES[] = {
#define RANGE_INT(key, least, most) { #key, least, most },
#define RANGE_BOOL(key, least, most)
#define POOL_SETTING(key, kind, initial, least, most, unit, text) RANGE_##kind(key, least, most)
#include "base/settings.def"
#undef POOL_SETTING
	{ 0 }
};

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text == NULL ? "-" : text;
}

static int64_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool is_set(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

json_t *bus_pool_value(const struct bus_kv_entry *entry)
{
	json_error_t where;
	json_t *value = entry->operation == BUS_KV_PUT ? json_loadb(entry->value, entry->length, 0, &where) : NULL;
	if (!json_is_object(value)) {
		json_decref(value);
		return json_object();
	}
	(void)json_object_del(value, "by");
	(void)json_object_del(value, "at");
	return value;
}

static json_t *find_pool(json_t *pools, const char *name)
{
	size_t index = 0;
	json_t *pool = NULL;
	json_array_foreach(pools, index, pool) if (strcmp(text_of(pool, "name"), name) == 0) return pool;
	return NULL;
}

// The pool of that name, added when it is new.
static json_t *want_pool(json_t *pools, const char *name)
{
	json_t *pool = find_pool(pools, name);
	if (pool != NULL)
		return pool;
	pool = json_pack("{s:s, s:{s:s}, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:[]}", "name", name, "setting",
	                 "source", "transcoder", "workers_wanted", 0, "workers_running", 0, "waiting", 0, "done", 0,
	                 "attempts_failed", 0, "jobs_failed", 0, "job_ms", 0, "busy_ms", 0, "taken", 1, "transcoders");
	(void)json_array_append_new(pools, pool);
	return pool;
}

bool bus_pool_is_adjusted(const json_t *pool)
{
	const json_t *setting = json_object_get(pool, "setting");
	int64_t least = number_of(setting, "workers_min");
	return least > 0 && number_of(setting, "workers_max") > least;
}

static void add_configured(const struct settings *settings, json_t *pools)
{
	for (size_t i = 0; i < settings->pool_count; i++) {
		const struct pool_settings *configured = &settings->pools[i];
		json_t *setting = json_pack("{s:s}", "source", "configuration");
#define VALUE_INT(value) json_integer((json_int_t)(value))
#define VALUE_BOOL(value) json_boolean(value)
#define POOL_SETTING(key, kind, initial, least, most, unit, text) \
	(void)json_object_set_new(setting, #key, VALUE_##kind(configured->key));
#include "base/settings.def"
#undef POOL_SETTING
		(void)json_object_set_new(want_pool(pools, configured->name), "setting", setting);
	}
}

// A live setting lies over the configuration's: member by member, as transcoders read it.
static void add_live(const struct bus_kv_entry *entry, json_t *pools)
{
	json_t *setting = json_object_get(want_pool(pools, entry->key), "setting");
	json_t *value = bus_pool_value(entry);
	json_error_t where;
	json_t *whole = json_loadb(entry->value, entry->length, 0, &where);
	char at[CLOCK_TEXT_SIZE];
	clock_format_rfc3339(entry->created_us, at);
	(void)json_object_update(setting, value);
	(void)json_object_set_new(setting, "source", json_string("operator"));
	(void)json_object_set_new(setting, "revision", json_integer((json_int_t)entry->revision));
	(void)json_object_set_new(setting, "by", json_string(text_of(whole, "by")));
	(void)json_object_set_new(setting, "at", json_string(at));
	json_decref(whole);
	json_decref(value);
}

static void add_number(json_t *pool, const char *name, const json_t *shown)
{
	(void)json_object_set_new(pool, name, json_integer(number_of(pool, name) + number_of(shown, name)));
}

static bool works_by(const json_t *setting, const json_t *shown)
{
	bool is_same = is_set(setting, "paused") == is_set(shown, "paused");
	for (const struct bus_pool_range *range = BUS_POOL_RANGES; range->name != NULL; range++)
		is_same = is_same && number_of(setting, range->name) == number_of(shown, range->name);
	return is_same;
}

// One pool of one heartbeat.
static void add_shown(json_t *pools, const json_t *heartbeat, const json_t *shown, int64_t age_ms)
{
	static const char *const SUMS[] = { "workers_wanted",  "workers_running", "waiting", "done",
		                            "attempts_failed", "jobs_failed",     "job_ms",  "busy_ms" };
	json_t *pool = want_pool(pools, text_of(shown, "name"));
	json_t *one = json_deep_copy(shown);
	bool is_late = age_ms > BUS_POOLS_LATE_MS;
	(void)json_object_del(one, "name");
	(void)json_object_set_new(one, "worker", json_string(text_of(heartbeat, "worker")));
	(void)json_object_set_new(one, "time", json_string(text_of(heartbeat, "time")));
	(void)json_object_set_new(one, "age_ms", json_integer(age_ms));
	(void)json_object_set_new(one, "late", json_boolean(is_late));
	if (is_late) {
		(void)json_array_append_new(json_object_get(pool, "transcoders"), one);
		return;
	}
	(void)json_array_insert_new(json_object_get(pool, "transcoders"), 0, one);
	(void)json_object_set_new(one, "sandbox", json_string(text_of(heartbeat, "sandbox")));
	(void)json_object_set_new(one, "codecs", json_string(text_of(heartbeat, "codecs")));
	(void)json_object_set(one, "job_bounds_us", json_object_get(heartbeat, "job_bounds_us"));
	if (is_set(shown, "backs_off"))
		(void)json_object_set_new(pool, "backs_off", json_true());
	for (size_t i = 0; i < sizeof SUMS / sizeof SUMS[0]; i++)
		add_number(pool, SUMS[i], shown);
	if (!works_by(json_object_get(pool, "setting"), shown))
		(void)json_object_set_new(pool, "taken", json_false());
}

static void add_heartbeat(const struct bus_kv_entry *entry, json_t *pools)
{
	json_error_t where;
	json_t *heartbeat = json_loadb(entry->value, entry->length, 0, &where), *shown = NULL;
	int64_t age_ms = (clock_now_us() - entry->created_us) / 1000;
	size_t index = 0;
	json_array_foreach(json_object_get(heartbeat, "pools"), index, shown)
	        add_shown(pools, heartbeat, shown, age_ms < 0 ? 0 : age_ms);
	json_decref(heartbeat);
}

static void done_entries(struct bus_kv_entries *entries)
{
	bus_kv_entries_done(entries);
}

// A listing may wait in vain for an entry that was replaced while it was under way: it is then asked for anew.
static enum rc list_bucket(struct bus *bus, const char *bucket, struct bus_kv_entries *ret_entries, struct err *err)
{
	enum rc rc = RC_TIMEOUT;
	for (int i = 0; i < TRIES && rc == RC_TIMEOUT; i++)
		rc = bus_kv_list(bus, bucket, ret_entries, err);
	return rc;
}

enum rc bus_pool_history(struct bus *bus, const char *name, struct bus_kv_entries *ret_entries, struct err *err)
{
	enum rc rc = RC_TIMEOUT;
	for (int i = 0; i < TRIES && rc == RC_TIMEOUT; i++)
		rc = bus_kv_history(bus, BUS_BUCKET_POOLS, name, ret_entries, err);
	return rc;
}

enum rc bus_pools_read(struct bus *bus, const struct settings *settings, json_t **ret_pools, struct err *err)
{
	CLEANUP(done_entries) struct bus_kv_entries live = { 0 };
	CLEANUP(done_entries) struct bus_kv_entries heartbeats = { 0 };
	enum rc rc = list_bucket(bus, BUS_BUCKET_POOLS, &live, err);
	if (rc == RC_OK)
		rc = list_bucket(bus, BUS_BUCKET_WORKERS, &heartbeats, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, RC_NOT_FOUND, "NATS has no buckets of ours yet: start a service once");
	if (rc != RC_OK)
		return rc;
	json_t *pools = json_array();
	add_configured(settings, pools);
	for (size_t i = 0; i < live.count; i++)
		add_live(&live.items[i], pools);
	for (size_t i = 0; i < heartbeats.count; i++)
		add_heartbeat(&heartbeats.items[i], pools);
	*ret_pools = pools;
	return RC_OK;
}

enum rc bus_pool_read(struct bus *bus, const struct settings *settings, const char *name, json_t **ret_pool,
                      struct err *err)
{
	json_auto_t *pools = NULL;
	enum rc rc = bus_pools_read(bus, settings, &pools, err);
	if (rc != RC_OK)
		return rc;
	json_t *pool = find_pool(pools, name);
	if (pool != NULL) {
		*ret_pool = json_incref(pool);
		return RC_OK;
	}
	char names[ERR_TEXT_SIZE / 2] = "";
	size_t index = 0;
	json_array_foreach(pools, index, pool)
	{
		size_t length = strlen(names);
		(void)snprintf(names + length, sizeof names - length, "%s%s", length == 0 ? "" : ", ",
		               text_of(pool, "name"));
	}
	return err_set(err, RC_NOT_FOUND, "there is no pool '%.64s'; there are: %s", name, names);
}
