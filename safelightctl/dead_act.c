// safelightctl dead redrive, dead drop: each letter by itself, so that one that cannot be helped does not hold up the
// others. What was done is written into the audit log.
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/uuid.h"
#include "catalog/operator.h"
#include "db/pool.h"
#include "db/result.h"
#include "safelightctl/command.h"
#include "safelightctl/progress.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define LETTERS_MOST 100000

static const struct db_statement open_statement = {
	.name = "ctl_dead_open",
	.sql = "SELECT coalesce(json_agg(id ORDER BY created_at), '[]') FROM (SELECT id, created_at FROM dead_letters "
	       "WHERE redriven_at IS NULL AND dropped_at IS NULL ORDER BY created_at LIMIT $1::bigint) AS x",
	.parameter_count = 1,
	.read_only = true,
};

typedef enum rc letter_function(const struct call *call, struct db_pool *database, const struct uuid *id,
                                struct err *err);

static enum rc redrive(const struct call *call, struct db_pool *database, const struct uuid *id, struct err *err)
{
	const char *lane_name = call_option(call, "--lane");
	bool is_all = call_option(call, "--all") != NULL;
	// Many at once must not delay fresh uploads.
	enum event_lane lane = is_all ? LANE_BULK : LANE_INTERACTIVE;
	if (lane_name != NULL)
		(void)event_lane_parse(lane_name, &lane);
	char who[160];
	const struct operator_actor actor = { .name = reach_operator(who, sizeof who) };
	struct catalog catalog = reach_catalog(database);
	struct catalog_call frame = reach_catalog_call();
	enum rc rc = catalog_letter_redrive(&catalog, &frame, id, lane, &actor, err);
	// One media's letters are redriven together: a later one of --all finds itself done.
	return rc == RC_EXISTS && is_all ? RC_OK : rc;
}

static enum rc drop(const struct call *call, struct db_pool *database, const struct uuid *id, struct err *err)
{
	(void)call;
	char who[160];
	const struct operator_actor actor = { .name = reach_operator(who, sizeof who) };
	struct catalog catalog = reach_catalog(database);
	struct catalog_call frame = reach_catalog_call();
	return catalog_letter_drop(&catalog, &frame, id, &actor, err);
}

// The ids that the call names, or all open ones. RC_INVALID before anything is done when one is no id.
static enum rc collect(const struct call *call, struct db_pool *database, json_t **ret_ids, struct err *err)
{
	bool is_all = strcmp(call->command->name, "dead redrive") == 0 && call_option(call, "--all") != NULL;
	const struct db_value values[] = { db_int64(LETTERS_MOST) };
	if (is_all)
		return reach_query(database, &open_statement, values, ret_ids, err);
	*ret_ids = json_array();
	for (int i = 0; i < call->argument_count; i++)
		(void)json_array_append_new(*ret_ids, json_string(call->arguments[i]));
	return RC_OK;
}

static enum rc check_ids(const struct call *call, struct err *err)
{
	for (int i = 0; i < call->argument_count; i++) {
		struct uuid id;
		if (!uuid_parse(call->arguments[i], &id))
			return err_set(err, RC_INVALID, "'%.64s' is no id of a dead letter (see `dead list`)",
			               call->arguments[i]);
	}
	return RC_OK;
}

// Apply to each; what fails for one letter is told of it, what fails for all (no database) ends the command.
static enum rc act_on_all(const struct call *call, struct db_pool *database, const json_t *ids, letter_function *act,
                          json_t *outcomes, struct err *err)
{
	size_t index = 0, failures = 0;
	json_t *text = NULL;
	struct progress progress; // for people each letter is a line
	progress_begin(&progress, "dead letters", (int64_t)json_array_size(ids));
	json_array_foreach(ids, index, text)
	{
		struct uuid id;
		struct err one = { 0 };
		if (!uuid_parse(json_string_value(text), &id))
			continue;
		enum rc rc = act(call, database, &id, &one);
		if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_CONFLICT && rc != RC_EXISTS)
			return err_set(err, rc, "%s (%zu of %zu done)", one.text, index - failures,
			               json_array_size(ids));
		failures += rc != RC_OK;
		(void)json_array_append_new(outcomes, json_pack("{s:O, s:b, s:s?}", "id", text, "done", rc == RC_OK,
		                                                "detail", rc == RC_OK ? NULL : one.text));
		if (!call->json)
			(void)printf("%s  %s\n", json_string_value(text), rc == RC_OK ? "done" : one.text);
		else
			progress_show(&progress, (int64_t)index + 1);
	}
	progress_end(&progress);
	if (failures > 0)
		return err_set(err, RC_CONFLICT, "%zu of %zu were left as they are", failures, json_array_size(ids));
	return RC_OK;
}

static enum rc run(const struct call *call, letter_function *act, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_auto_t *ids = NULL;
	json_auto_t *outcomes = json_array();
	enum rc rc = check_ids(call, err);
	if (rc == RC_OK)
		rc = reach_database(call, &database, err);
	if (rc == RC_OK)
		rc = collect(call, database, &ids, err);
	if (rc != RC_OK)
		return rc;
	if (json_array_size(ids) == 0 && !call->json)
		(void)printf("no dead letters\n");
	rc = act_on_all(call, database, ids, act, outcomes, err);
	if (call->json)
		report_json(outcomes);
	return rc;
}

static enum rc run_redrive(const struct call *call, struct err *err)
{
	enum event_lane lane;
	const char *name = call_option(call, "--lane");
	if (name != NULL && !event_lane_parse(name, &lane))
		return err_set(err, RC_INVALID, "--lane is interactive or bulk, not '%.32s'", name);
	if ((call_option(call, "--all") != NULL) == (call->argument_count > 0))
		return err_set(err, RC_INVALID, "name dead letters, or give --all");
	return run(call, redrive, err);
}

static enum rc run_drop(const struct call *call, struct err *err)
{
	return run(call, drop, err);
}

static const struct command_option REDRIVE_OPTIONS[] = {
	{ "--all", NULL, "every open dead letter" },
	{ "--lane", "LANE", "interactive or bulk (interactive for named ones, bulk for --all)" },
	{ 0 },
};

const struct command command_dead_redrive = {
	.name = "dead redrive",
	.arguments = "[ID…]",
	.summary = "queue the jobs of failed media again, attempts from zero",
	.options = REDRIVE_OPTIONS,
	.most_arguments = LETTERS_MOST,
	.secrets = SECRETS_DATABASE,
	.run = run_redrive,
};

const struct command command_dead_drop = {
	.name = "dead drop",
	.arguments = "ID…",
	.summary = "put dead letters away without trying again",
	.least_arguments = 1,
	.most_arguments = LETTERS_MOST,
	.secrets = SECRETS_DATABASE,
	.run = run_drop,
};
