// safelightctl pool history, pool rollback: what a pool's live setting was before (NATS keeps the last ten).
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bus/bus.h"
#include "bus/kv.h"
#include "bus/pools.h"
#include "safelightctl/command.h"
#include "safelightctl/pools.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

static json_t *describe(const struct bus_kv_entry *entry)
{
	json_error_t where;
	json_t *whole = entry->operation == BUS_KV_PUT ? json_loadb(entry->value, entry->length, 0, &where) : NULL;
	char at[CLOCK_TEXT_SIZE];
	clock_format_rfc3339(entry->created_us, at);
	json_t *one = json_pack("{s:I, s:s, s:s, s:o}", "revision", (json_int_t)entry->revision, "at", at, "by",
	                        report_text(whole, "by"), "value", bus_pool_value(entry));
	json_decref(whole);
	return one;
}

// The pool's values, oldest first; RC_NOT_FOUND when there is no such pool.
static enum rc read_history(const struct call *call, struct bus *bus, struct bus_kv_entries *ret_entries,
                            struct err *err)
{
	json_auto_t *pool = NULL;
	enum rc rc = bus_pool_read(bus, call->settings, call->arguments[0], &pool, err);
	return rc == RC_OK ? bus_pool_history(bus, call->arguments[0], ret_entries, err) : rc;
}

static void print_value(const json_t *value)
{
	const char *name;
	json_t *member;
	if (json_object_size(value) == 0)
		(void)printf("as configured");
	json_object_foreach((json_t *)value, name, member)
	{
		if (json_is_integer(member))
			(void)printf("%s %lld  ", name, (long long)json_integer_value(member));
		else
			(void)printf("%s %s  ", name, json_is_true(member) ? "yes" : "no");
	}
	(void)printf("\n");
}

static enum rc run_history(const struct call *call, struct err *err)
{
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	struct bus_kv_entries entries = { 0 };
	enum rc rc = reach_bus(call, &bus, err);
	if (rc == RC_OK)
		rc = read_history(call, bus, &entries, err);
	if (rc != RC_OK)
		return rc;
	json_auto_t *history = json_array();
	for (size_t i = 0; i < entries.count; i++)
		(void)json_array_append_new(history, describe(&entries.items[i]));
	bus_kv_entries_done(&entries);
	if (call->json) {
		report_json(history);
		return RC_OK;
	}
	size_t index = 0;
	json_t *one = NULL;
	if (json_array_size(history) == 0)
		(void)printf("pool %s was never set while it ran: it is as configured\n", call->arguments[0]);
	json_array_foreach(history, index, one)
	{
		(void)printf("%8lld  %s  %-24s ", (long long)report_int(one, "revision"), report_text(one, "at"),
		             report_text(one, "by"));
		print_value(json_object_get(one, "value"));
	}
	return RC_OK;
}

// The value to go back to: that of the named revision, or the one before the latest (none: as configured).
static enum rc choose_value(const struct call *call, const struct bus_kv_entries *entries, json_t **ret_value,
                            struct err *err)
{
	if (entries->count == 0)
		return err_set(err, RC_NOT_FOUND, "pool %s was never set while it ran: there is nothing to go back to",
		               call->arguments[0]);
	if (call->argument_count < 2) {
		*ret_value = entries->count < 2 ? json_object() : bus_pool_value(&entries->items[entries->count - 2]);
		return RC_OK;
	}
	for (size_t i = 0; i < entries->count; i++) {
		char revision[24];
		(void)snprintf(revision, sizeof revision, "%llu", (unsigned long long)entries->items[i].revision);
		if (strcmp(revision, call->arguments[1]) != 0)
			continue;
		*ret_value = bus_pool_value(&entries->items[i]);
		return RC_OK;
	}
	return err_set(err, RC_NOT_FOUND, "pool %s has no revision %.20s (any more); see `pool history %s`",
	               call->arguments[0], call->arguments[1], call->arguments[0]);
}

static enum rc run_rollback(const struct call *call, struct err *err)
{
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	struct bus_kv_entries entries = { 0 };
	json_t *value = NULL;
	uint64_t latest = 0;
	enum rc rc = reach_bus(call, &bus, err);
	if (rc == RC_OK)
		rc = read_history(call, bus, &entries, err);
	if (rc == RC_OK)
		rc = choose_value(call, &entries, &value, err);
	// After a delete marker a key counts as one that does not exist.
	if (rc == RC_OK && entries.items[entries.count - 1].operation == BUS_KV_PUT)
		latest = entries.items[entries.count - 1].revision;
	bus_kv_entries_done(&entries);
	if (rc != RC_OK)
		return rc;
	char who[160];
	reach_operator(who, sizeof who);
	rc = bus_pool_put(bus, call->arguments[0], value, latest, who, err);
	return rc == RC_OK ? pools_report_taken(call, bus, call->arguments[0], err) : rc;
}

const struct command command_pool_history = {
	.name = "pool history",
	.arguments = "NAME",
	.summary = "a pool's last ten live settings: revision, when, by whom",
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_BUS,
	.run = run_history,
};

const struct command command_pool_rollback = {
	.name = "pool rollback",
	.arguments = "NAME [REVISION]",
	.summary = "set a pool to what it was at a revision, or before the last change",
	.least_arguments = 1,
	.most_arguments = 2,
	.secrets = SECRETS_BUS,
	.run = run_rollback,
};
