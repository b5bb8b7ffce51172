// safelightctl media reprocess: new generations, in the bulk lane, so that fresh uploads do not wait for them.
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "catalog/media_reprocess.h"
#include "db/pool.h"
#include "media/preset_set.h"
#include "safelightctl/audit.h"
#include "safelightctl/command.h"
#include "safelightctl/progress.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define MEDIA_MOST 1000 // ids in one call
#define PAGE 500

// The next media, by id, that --all is about.
static const struct db_statement page_statement = {
	.name = "ctl_media_reprocess_page",
	.sql = "SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM (SELECT id FROM media WHERE state = 'ready' "
	       "AND kind <> 'file' AND ($1::uuid IS NULL OR id > $1) AND ($3::uuid IS NULL OR owner_id = $3) ORDER BY id "
	       "LIMIT $2::bigint) AS x",
	.parameter_count = 3,
	.read_only = true,
};

struct reprocessing {
	const struct call *call;
	struct db_pool *database;
	struct preset_set *presets;
	const struct uuid *owner; // whose media --all is about; NULL: everybody's
	json_t *outcomes;         // of named media
	size_t begun;
	size_t left; // as they are
};

static void free_presets(struct preset_set **presets)
{
	preset_set_free(*presets);
}

static bool choose_pools(void *context, const char *preset, enum media_kind kind,
                         struct preset_pool ret_pools[PRESET_POOLS_MAX], size_t *ret_count)
{
	const struct reprocessing *reprocessing = context;
	return preset_set_pools(reprocessing->presets, reprocessing->call->settings, preset, kind, ret_pools,
	                        ret_count);
}

static enum rc reprocess_one(struct reprocessing *reprocessing, const struct uuid *id,
                             struct media_reprocessed *ret_reprocessed, struct err *err)
{
	struct catalog catalog = reach_catalog(reprocessing->database);
	struct catalog_call frame = reach_catalog_call();
	const struct media_reprocess reprocess = { .media_id = *id,
		                                   .preset = call_option(reprocessing->call, "--preset"),
		                                   .pools = choose_pools,
		                                   .pools_context = reprocessing };
	enum rc rc = catalog_media_reprocess(&catalog, &frame, &reprocess, ret_reprocessed, err);
	return rc == RC_UNKNOWN ? catalog_media_reprocess(&catalog, &frame, &reprocess, ret_reprocessed, err) : rc;
}

// What fails for one media is told of it; what fails for all ends the command.
static enum rc act(struct reprocessing *reprocessing, const char *text, struct err *err)
{
	struct uuid id;
	struct media_reprocessed reprocessed = { 0 };
	struct err one = { 0 };
	if (!uuid_parse(text, &id))
		return err_set(err, RC_INVALID, "'%.64s' is no id of a media", text);
	enum rc rc = reprocess_one(reprocessing, &id, &reprocessed, &one);
	if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_CONFLICT)
		return err_set(err, rc, "%s (%zu begun)", one.text, reprocessing->begun);
	if (rc == RC_OK)
		reprocessing->begun++;
	else
		reprocessing->left++;
	if (call_option(reprocessing->call, "--all") != NULL)
		return RC_OK;
	(void)json_array_append_new(reprocessing->outcomes,
	                            json_pack("{s:s, s:b, s:I, s:s?}", "id", text, "done", rc == RC_OK, "generation",
	                                      (json_int_t)reprocessed.generation, "detail",
	                                      rc == RC_OK ? NULL : one.text));
	if (!reprocessing->call->json)
		(void)printf("%s  %s\n", text, rc == RC_OK ? "queued" : one.text);
	return rc == RC_OK ? audit_write(reprocessing->database, "media.reprocessed", "media", &id, err) : RC_OK;
}

static enum rc act_on_named(struct reprocessing *reprocessing, struct err *err)
{
	const struct call *call = reprocessing->call;
	enum rc rc = RC_OK;
	for (int i = 0; i < call->argument_count && rc == RC_OK; i++)
		rc = act(reprocessing, call->arguments[i], err);
	if (call->json)
		report_json(reprocessing->outcomes);
	if (rc == RC_OK && reprocessing->left > 0)
		rc = err_set(err, RC_CONFLICT, "%zu of %d were left as they are", reprocessing->left,
		             call->argument_count);
	return rc;
}

static enum rc read_page(const struct reprocessing *reprocessing, const struct uuid *last, json_t **ret_ids,
                         struct err *err)
{
	const struct db_value values[] = { db_uuid(last), db_int64(PAGE), db_uuid(reprocessing->owner) };
	return reach_query(reprocessing->database, &page_statement, values, ret_ids, err);
}

static const struct db_statement count_statement = {
	.name = "ctl_media_reprocess_count",
	.sql = "SELECT count(*) FROM media WHERE state = 'ready' AND kind <> 'file'",
	.read_only = true,
};

// How many there are, for the progress alone; 0 when that cannot be told in time.
static int64_t count_all(struct db_pool *database)
{
	struct err err = { 0 };
	json_auto_t *count = NULL;
	return reach_query(database, &count_statement, NULL, &count, &err) == RC_OK ? json_integer_value(count) : 0;
}

// Page by page: what is uploaded meanwhile is made by the new preset anyhow, or found by a later page.
static enum rc act_on_all(struct reprocessing *reprocessing, struct err *err)
{
	struct uuid last;
	bool has_last = false;
	enum rc rc = RC_OK;
	struct progress progress;
	progress_begin(&progress, "media", count_all(reprocessing->database));
	for (size_t count = PAGE; rc == RC_OK && count == PAGE;) {
		json_auto_t *ids = NULL;
		rc = read_page(reprocessing, has_last ? &last : NULL, &ids, err);
		count = rc == RC_OK ? json_array_size(ids) : 0;
		for (size_t i = 0; i < count && rc == RC_OK; i++) {
			rc = act(reprocessing, json_string_value(json_array_get(ids, i)), err);
			progress_show(&progress, (int64_t)(reprocessing->begun + reprocessing->left));
		}
		has_last = count > 0 && uuid_parse(json_string_value(json_array_get(ids, count - 1)), &last);
	}
	progress_end(&progress);
	json_auto_t *sum = json_pack("{s:I, s:I}", "queued", (json_int_t)reprocessing->begun, "left",
	                             (json_int_t)reprocessing->left);
	if (reprocessing->call->json)
		report_json(sum);
	else
		(void)printf("%zu queued, %zu left as they are\n", reprocessing->begun, reprocessing->left);
	return rc;
}

static enum rc run(const struct call *call, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	CLEANUP(free_presets) struct preset_set *presets = NULL;
	json_auto_t *outcomes = json_array();
	const char *preset = call_option(call, "--preset");
	const char *owner_text = call_option(call, "--owner");
	bool is_all = call_option(call, "--all") != NULL;
	struct uuid owner;
	if (is_all == (call->argument_count > 0))
		return err_set(err, RC_INVALID, "name media, or give --all");
	if (owner_text != NULL && !is_all)
		return err_set(err, RC_INVALID, "--owner chooses among --all");
	if (owner_text != NULL && !uuid_parse(owner_text, &owner))
		return err_set(err, RC_INVALID, "'%.64s' is no id of an account", owner_text);
	enum rc rc = preset_set_new(call->settings, &presets, err);
	if (rc == RC_OK && preset != NULL && preset_set_find(presets, preset) == NULL)
		rc = err_set(err, RC_INVALID, "there is no [preset.%.32s] in the configuration", preset);
	if (rc == RC_OK)
		rc = reach_database(call, &database, err);
	if (rc != RC_OK)
		return rc;
	struct reprocessing reprocessing = { .call = call,
		                             .database = database,
		                             .presets = presets,
		                             .owner = owner_text == NULL ? NULL : &owner,
		                             .outcomes = outcomes };
	return is_all ? act_on_all(&reprocessing, err) : act_on_named(&reprocessing, err);
}

static const struct command_option OPTIONS[] = {
	{ "--all", NULL, "every media that is ready and no plain file" },
	{ "--owner", "USER_ID", "of --all, the media of that account alone" },
	{ "--preset", "NAME", "make them by this preset from now on (else by the one that each has)" },
	{ 0 },
};

const struct command command_media_reprocess = {
	.name = "media reprocess",
	.arguments = "[ID…]",
	.summary = "make variants anew, behind fresh uploads; the old ones are shown until then",
	.options = OPTIONS,
	.most_arguments = MEDIA_MOST,
	.secrets = SECRETS_DATABASE,
	.run = run,
};
