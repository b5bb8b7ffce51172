// Reading live settings.
#include "transcoder/live.h"

#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "base/settings.h"
#include "bus/kv.h"
#include "transcoder/pool.h"
#include "transcoder/transcoder.h"

static struct pool *find_pool(struct transcoder *transcoder, const char *name)
{
	for (size_t i = 0; i < transcoder->pool_count; i++)
		if (strcmp(transcoder->pools[i]->name, name) == 0)
			return transcoder->pools[i];
	return NULL;
}

static enum rc read_number(const char *key, const json_t *value, int64_t least, int64_t most, int64_t *ret_number,
                           struct err *err)
{
	if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
		return err_set(err, RC_INVALID, "%s must be a whole number from %lld to %lld", key, (long long)least,
		               (long long)most);
	*ret_number = json_integer_value(value);
	return RC_OK;
}

// What may be set, as the table of options has it.
static const struct member {
	const char *name;
	bool is_flag;
	int64_t least;
	int64_t most;
	size_t offset;
} MEMBERS[] = {
#define IS_FLAG_INT false
#define IS_FLAG_BOOL true
#define POOL_SETTING(key, kind, initial, least, most, unit, text) \
	{ #key, IS_FLAG_##kind, least, most, offsetof(struct pool_live, key) },
#include "base/settings.def"
#undef POOL_SETTING
};

static enum rc read_member(const char *key, const json_t *value, struct pool_live *live, struct err *err)
{
	// Who set it and when: for `safelightctl pool history`.
	if (strcmp(key, "by") == 0 || strcmp(key, "at") == 0)
		return json_is_string(value) ? RC_OK : err_set(err, RC_INVALID, "%s must be a text", key);
	for (size_t i = 0; i < sizeof MEMBERS / sizeof MEMBERS[0]; i++) {
		const struct member *member = &MEMBERS[i];
		void *place = (char *)live + member->offset;
		if (strcmp(key, member->name) != 0)
			continue;
		if (!member->is_flag)
			return read_number(key, value, member->least, member->most, place, err);
		if (!json_is_boolean(value))
			return err_set(err, RC_INVALID, "%s must be true or false", key);
		*(bool *)place = json_boolean_value(value);
		return RC_OK;
	}
	return err_set(err, RC_INVALID, "%s is no live setting", key);
}

static enum rc read_live(const struct bus_kv_entry *entry, struct pool_live *live, struct err *err)
{
	json_error_t where;
	const char *key;
	json_t *value;
	json_t *object = json_loadb(entry->value, entry->length, JSON_REJECT_DUPLICATES, &where);
	enum rc rc = RC_OK;
	if (!json_is_object(object))
		rc = err_set(err, RC_INVALID, "must be a JSON object");
	else
		json_object_foreach(object, key, value) if (rc == RC_OK) rc = read_member(key, value, live, err);
	json_decref(object);
	return rc;
}

void live_on_change(void *context, const struct bus_kv_entry *entry)
{
	struct transcoder *transcoder = context;
	if (entry->operation == BUS_KV_SYNCED)
		atomic_store(&transcoder->live_known, true);
	struct pool *pool = entry->operation == BUS_KV_SYNCED ? NULL : find_pool(transcoder, entry->key);
	if (pool == NULL)
		return;
	struct err err = { 0 };
	struct pool_live live = pool_configured_live(settings_find_pool(transcoder->settings, pool->name));
	if (entry->operation == BUS_KV_PUT && read_live(entry, &live, &err) != RC_OK) {
		LOG_FAILURE(LOG_ERROR, "pool_setting_refused", &err, LOG_TEXT("pool", pool->name),
		            LOG_INT("revision", (int64_t)entry->revision));
		return;
	}
	pool_set_live(pool, &live);
	LOG_EVENT(LOG_INFO, "pool_setting_taken", LOG_TEXT("pool", pool->name), LOG_INT("workers", live.workers),
	          LOG_INT("workers_min", live.workers_min), LOG_INT("workers_max", live.workers_max),
	          LOG_INT("prefetch", live.prefetch), LOG_INT("nice", live.nice), LOG_BOOL("paused", live.paused),
	          LOG_INT("revision", (int64_t)entry->revision));
}
