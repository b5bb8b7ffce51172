// Pools' live settings: copied from NATS to Postgres while they are there, and put back when NATS has lost its files.
//
// Lost is what has no history at all: a key that was deleted still has its marker. What an operator sets between the
// loss and the next pass wins, since it is newer; the older history is then given up.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/settings.h"
#include "bus/kv.h"
#include "bus/pools.h"
#include "bus/streams.h"
#include "catalog/pool_settings.h"
#include "ingest/ingest.h"
#include "ingest/sweep.h"

static enum rc copy_history(struct sweep *sweep, const char *pool, const struct bus_kv_entries *entries,
                            struct err *err)
{
	const struct catalog_call call = sweep_call();
	json_auto_t *history = json_array();
	for (size_t i = 0; i < entries->count; i++) {
		const struct bus_kv_entry *entry = &entries->items[i];
		json_t *one = entry->operation == BUS_KV_PUT ? json_pack("{s:s%}", "value", entry->value, entry->length)
		                                             : json_pack("{s:b}", "deleted", 1);
		if (one == NULL) // no text: it is no setting
			continue;
		(void)json_array_append_new(history, one);
	}
	CLEANUP(free_pointer) char *text = json_dumps(history, JSON_COMPACT);
	if (text == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	return catalog_pool_history_write(&sweep->ingest->catalog, &call, pool, text, err);
}

// One value of the history; the first only where there is none, so that of several processes one does it.
static enum rc put_back(struct bus *bus, const char *pool, const json_t *one, bool is_first, struct err *err)
{
	const char *value = json_string_value(json_object_get(one, "value"));
	if (value == NULL)
		return is_first ? RC_OK : bus_kv_delete(bus, BUS_BUCKET_POOLS, pool, err);
	if (is_first)
		return bus_kv_update(bus, BUS_BUCKET_POOLS, pool, value, strlen(value), 0, NULL, err);
	return bus_kv_put(bus, BUS_BUCKET_POOLS, pool, value, strlen(value), NULL, err);
}

static enum rc restore_history(struct sweep *sweep, const char *pool, struct err *err)
{
	const struct catalog_call call = sweep_call();
	CLEANUP(free_pointer) char *text = NULL;
	json_error_t where;
	size_t index, count = 0;
	json_t *one;
	enum rc rc = catalog_pool_history_read(&sweep->ingest->catalog, &call, pool, &text, err);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	json_auto_t *history = json_loads(text, 0, &where);
	json_array_foreach(history, index, one)
	{
		rc = put_back(sweep->ingest->bus, pool, one, count == 0, err);
		if (rc != RC_OK)
			break;
		count += json_object_get(one, "value") != NULL || count > 0;
	}
	if (count > 0) {
		LOG_EVENT(LOG_WARNING, "pool_settings_restored", LOG_TEXT("pool", pool),
		          LOG_INT("values", (int64_t)count));
		sweep_add(sweep, SWEEP_pool_settings_restored, 1);
	}
	return rc == RC_CONFLICT ? RC_OK : rc; // somebody else is at it
}

static enum rc look_after(struct sweep *sweep, const char *pool, struct err *err)
{
	struct bus_kv_entries entries = { 0 };
	enum rc rc = bus_pool_history(sweep->ingest->bus, pool, &entries, err);
	if (rc == RC_OK)
		rc = entries.count > 0 ? copy_history(sweep, pool, &entries, err) : restore_history(sweep, pool, err);
	bus_kv_entries_done(&entries);
	return rc;
}

enum rc sweep_pools(struct sweep *sweep, struct err *err)
{
	const struct settings *settings = sweep->ingest->settings;
	enum rc rc = RC_OK;
	for (size_t i = 0; sweep->has_streams && i < settings->pool_count && rc == RC_OK; i++)
		rc = look_after(sweep, settings->pools[i].name, err);
	if (rc == RC_NOT_FOUND)
		sweep->has_streams = false; // made anew in the next pass
	return rc;
}
