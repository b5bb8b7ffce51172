// Turning a pool: live settings are put only over the revision that was read, so that two operators cannot overwrite
// each other.
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bus/kv.h"
#include "bus/pools.h"
#include "bus/streams.h"

#define LOOK_MS 50

enum rc bus_pool_put(struct bus *bus, const char *name, json_t *value, uint64_t revision, const char *who,
                     struct err *err)
{
	json_auto_t *taken_over = value;
	char when[CLOCK_TEXT_SIZE];
	clock_format_rfc3339(clock_now_us(), when);
	(void)json_object_set_new(taken_over, "by", json_string(who));
	(void)json_object_set_new(taken_over, "at", json_string(when));
	CLEANUP(free_pointer) char *text = json_dumps(taken_over, JSON_COMPACT);
	if (text == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	enum rc rc = bus_kv_update(bus, BUS_BUCKET_POOLS, name, text, strlen(text), revision, NULL, err);
	if (rc == RC_CONFLICT)
		return err_set(err, RC_CONFLICT,
		               "somebody else has changed pool %s meanwhile and nothing was set: look at it again",
		               name);
	if (rc == RC_TIMEOUT || rc == RC_UNKNOWN)
		return err_set(err, rc, "NATS did not answer, so whether pool %s was set is unknown: look at it again",
		               name);
	return rc;
}

// The present value and revision (0: none) of a live setting.
static enum rc read_value(struct bus *bus, const char *name, json_t **ret_value, uint64_t *ret_revision,
                          struct err *err)
{
	struct bus_kv_entry entry = { 0 };
	enum rc rc = bus_kv_get(bus, BUS_BUCKET_POOLS, name, &entry, err);
	if (rc == RC_NOT_FOUND) {
		*ret_value = json_object();
		*ret_revision = 0;
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	*ret_value = bus_pool_value(&entry);
	*ret_revision = entry.revision;
	bus_kv_entry_done(&entry);
	return RC_OK;
}

// The limits between which workers are adjusted, as they would be after the change.
static enum rc check_limits(const json_t *pool, const json_t *change, struct err *err)
{
	json_auto_t *after = json_deep_copy(json_object_get(pool, "setting"));
	(void)json_object_update(after, (json_t *)change);
	json_int_t least = json_integer_value(json_object_get(after, "workers_min"));
	json_int_t most = json_integer_value(json_object_get(after, "workers_max"));
	if (most == 0 || least <= most)
		return RC_OK;
	return err_set(err, RC_INVALID, "workers_min would be %lld and workers_max %lld: nothing was set",
	               (long long)least, (long long)most);
}

enum rc bus_pool_change(struct bus *bus, const struct settings *settings, const char *name, json_t *change,
                        int64_t expected, const char *who, struct err *err)
{
	json_auto_t *taken_over = change;
	json_auto_t *pool = NULL;
	json_t *value = NULL;
	uint64_t revision = 0;
	enum rc rc = bus_pool_read(bus, settings, name, &pool, err);
	if (rc == RC_OK)
		rc = read_value(bus, name, &value, &revision, err);
	if (rc != RC_OK)
		return rc;
	if (expected >= 0 && (uint64_t)expected != revision) {
		json_decref(value);
		return err_set(err, RC_CONFLICT, "pool %s is at revision %llu, not %lld, and nothing was set", name,
		               (unsigned long long)revision, (long long)expected);
	}
	rc = check_limits(pool, taken_over, err);
	if (rc != RC_OK) {
		json_decref(value);
		return rc;
	}
	(void)json_object_update(value, taken_over);
	return bus_pool_put(bus, name, value, revision, who, err);
}

enum rc bus_pool_await(struct bus *bus, const struct settings *settings, const char *name, int64_t within_ms,
                       json_t **ret_pool, struct err *err)
{
	struct deadline deadline = deadline_after_ms(within_ms);
	for (;; clock_sleep_ms(LOOK_MS)) {
		json_t *pool = NULL;
		enum rc rc = bus_pool_read(bus, settings, name, &pool, err);
		if (rc != RC_OK)
			return rc;
		if (json_is_true(json_object_get(pool, "taken")) || deadline_passed(deadline)) {
			*ret_pool = pool;
			return RC_OK;
		}
		json_decref(pool);
	}
}
