// safelightctl pool set, pool pause, pool resume: live settings, put only over the revision that was read, so that two
// operators cannot overwrite each other.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/bus.h"
#include "bus/pools.h"
#include "safelightctl/command.h"
#include "safelightctl/pools.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define TAKEN_MS 2000

enum rc pools_report_taken(const struct call *call, struct bus *bus, const char *name, struct err *err)
{
	json_auto_t *pool = NULL;
	enum rc rc = bus_pool_await(bus, call->settings, name, TAKEN_MS, &pool, err);
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

// Change members of the pool's live setting; takes change over. expected: the revision that it must have; -1: any.
static enum rc change_setting(const struct call *call, json_t *change, int64_t expected, struct err *err)
{
	CLEANUP(reach_bus_done) struct bus *bus = NULL;
	char who[160];
	enum rc rc = reach_bus(call, &bus, err);
	if (rc != RC_OK) {
		json_decref(change);
		return rc;
	}
	reach_operator(who, sizeof who);
	rc = bus_pool_change(bus, call->settings, call->arguments[0], change, expected, who, err);
	return rc == RC_OK ? pools_report_taken(call, bus, call->arguments[0], err) : rc;
}

static enum rc run_set(const struct call *call, struct err *err)
{
	json_t *change = json_object();
	int64_t expected = -1;
	enum rc rc = call_number(call, "--if-revision", 0, INT64_MAX, &expected, err);
	for (const struct bus_pool_range *range = BUS_POOL_RANGES; range->name != NULL && rc == RC_OK; range++) {
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
		             "say what to set: --workers, --workers-min, --workers-max, --prefetch, --nice, "
		             "--interactive-share, --decode-ms or --max-pixels");
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
	{ "--workers-min", "N", "adjust the workers by backlog and CPU pressure, not below this; 0: fixed" },
	{ "--workers-max", "N", "and not above this; 0: fixed" },
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
