// safelightctl pool set, pool pause, pool resume: live settings, put only over the revision that was read, so that two
// operators cannot overwrite each other.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bus/bus.h"
#include "bus/kv.h"
#include "bus/streams.h"
#include "safelightctl/command.h"
#include "safelightctl/pools.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define TAKEN_MS 2000
#define LOOK_MS 50

static enum rc put_value(struct bus *bus, const char *name, const json_t *value, uint64_t revision, struct err *err)
{
	CLEANUP(free_pointer) char *text = json_dumps(value, JSON_COMPACT);
	if (text == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	enum rc rc = bus_kv_update(bus, BUS_BUCKET_POOLS, name, text, strlen(text), revision, NULL, err);
	if (rc == RC_CONFLICT)
		return err_set(err, RC_CONFLICT,
		               "somebody else has changed pool %s meanwhile and nothing was set: look at `pool show "
		               "%s` and try again",
		               name, name);
	if (rc == RC_TIMEOUT || rc == RC_UNKNOWN)
		return err_set(err, rc,
		               "NATS did not answer, so whether pool %s was set is unknown: look at `pool show %s`",
		               name, name);
	return rc;
}

// The pool when every transcoder has taken the setting, or after TAKEN_MS as it is then.
static enum rc await_taken(const struct call *call, struct bus *bus, const char *name, json_t **ret_pool,
                           struct err *err)
{
	struct deadline deadline = deadline_after_ms(TAKEN_MS);
	for (;; clock_sleep_ms(LOOK_MS)) {
		json_t *pool = NULL;
		enum rc rc = pools_read_one(call, bus, name, &pool, err);
		if (rc != RC_OK)
			return rc;
		if (report_bool(pool, "taken") || deadline_passed(deadline)) {
			*ret_pool = pool;
			return RC_OK;
		}
		json_decref(pool);
	}
}

enum rc pools_put(const struct call *call, struct bus *bus, const char *name, json_t *value, uint64_t revision,
                  struct err *err)
{
	char who[160], when[CLOCK_TEXT_SIZE];
	json_auto_t *taken_over = value;
	json_auto_t *pool = NULL;
	reach_operator(who, sizeof who);
	clock_format_rfc3339(clock_now_us(), when);
	(void)json_object_set_new(value, "by", json_string(who));
	(void)json_object_set_new(value, "at", json_string(when));
	enum rc rc = put_value(bus, name, value, revision, err);
	if (rc == RC_OK)
		rc = await_taken(call, bus, name, &pool, err);
	if (rc != RC_OK)
		return rc;
	if (call->json) {
		report_json(pool);
		return RC_OK;
	}
	pools_print_head();
	pools_print_line(pool);
	if (json_array_size(json_object_get(pool, "transcoders")) == 0)
		(void)printf("no transcoder runs: it takes the setting when it starts\n");
	else if (!report_bool(pool, "taken"))
		(void)printf("not every transcoder has taken the setting yet: see `pool show %s`\n", name);
	return RC_OK;
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
	*ret_value = pools_value(&entry);
	*ret_revision = entry.revision;
	bus_kv_entry_done(&entry);
	return RC_OK;
}

// Change members of the pool's live setting; takes change over. expected: the revision that it must have; -1: any.
static enum rc change_setting(const struct call *call, json_t *change, int64_t expected, struct err *err)
{
	const char *name = call->arguments[0];
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	json_auto_t *taken_over = change;
	json_t *value = NULL;
	uint64_t revision = 0;
	enum rc rc = reach_bus(call, &bus, err);
	if (rc == RC_OK)
		rc = pools_check_name(call, bus, name, err);
	if (rc == RC_OK)
		rc = read_value(bus, name, &value, &revision, err);
	if (rc != RC_OK)
		return rc;
	if (expected >= 0 && (uint64_t)expected != revision) {
		json_decref(value);
		return err_set(err, RC_CONFLICT, "pool %s is at revision %llu, not %lld, and nothing was set", name,
		               (unsigned long long)revision, (long long)expected);
	}
	(void)json_object_update(value, change);
	return pools_put(call, bus, name, value, revision, err);
}

static enum rc run_set(const struct call *call, struct err *err)
{
	json_t *change = json_object();
	int64_t expected = -1;
	enum rc rc = call_number(call, "--if-revision", 0, INT64_MAX, &expected, err);
	for (const struct pool_range *range = POOL_RANGES; range->name != NULL && rc == RC_OK; range++) {
		char option[32];
		int64_t number = -1;
		(void)snprintf(option, sizeof option, "--%s", range->name);
		for (char *at = option; *at != '\0'; at++)
			*at = *at == '_' ? '-' : *at;
		rc = call_number(call, option, range->least, range->most, &number, err);
		if (rc == RC_OK && number >= 0)
			(void)json_object_set_new(change, range->name, json_integer(number));
	}
	if (rc == RC_OK && json_object_size(change) == 0)
		rc = err_set(err, RC_INVALID,
		             "say what to set: --workers, --prefetch, --nice, --interactive-share, "
		             "--decode-ms or --max-pixels");
	if (rc != RC_OK) {
		json_decref(change);
		return rc;
	}
	return change_setting(call, change, expected, err);
}

static enum rc run_pause(const struct call *call, struct err *err)
{
	return change_setting(call, json_pack("{s:b}", "paused", 1), -1, err);
}

static enum rc run_resume(const struct call *call, struct err *err)
{
	return change_setting(call, json_pack("{s:b}", "paused", 0), -1, err);
}

static const struct command_option SET_OPTIONS[] = {
	{ "--workers", "N", "decoder children at work at once in each transcoder, 1 to 256" },
	{ "--prefetch", "N", "inputs fetched ahead of a free child, 1 to 64" },
	{ "--nice", "N", "niceness of children started from now on, 0 to 19" },
	{ "--interactive-share", "N", "interactive jobs for one of the bulk lane while both wait, 1 to 1000" },
	{ "--decode-ms", "N", "deadline of one decoding job; 0: the transcoder's" },
	{ "--max-pixels", "N", "largest picture that is decoded; 0: the transcoder's" },
	{ "--if-revision", "N", "only if the setting is at this revision (pool show); 0: only if there is none" },
	{ 0 },
};

const struct command command_pool_set = {
	.name = "pool set",
	.arguments = "NAME",
	.summary = "turn a pool's settings while it runs",
	.options = SET_OPTIONS,
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_BUS,
	.run = run_set,
};

const struct command command_pool_pause = {
	.name = "pool pause",
	.arguments = "NAME",
	.summary = "take no new jobs; the backlog is kept",
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_BUS,
	.run = run_pause,
};

const struct command command_pool_resume = {
	.name = "pool resume",
	.arguments = "NAME",
	.summary = "take jobs again",
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_BUS,
	.run = run_resume,
};
