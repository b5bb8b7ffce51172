// safelightctl dead list, dead show: jobs that ended for good without success.
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/uuid.h"
#include "catalog/operator.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MOST 1000

static const char *letter_state(const json_t *letter)
{
	if (report_at(letter, "dropped_at") != NULL && !json_is_null(report_at(letter, "dropped_at")))
		return "dropped";
	if (report_at(letter, "redriven_at") != NULL && !json_is_null(report_at(letter, "redriven_at")))
		return "redriven";
	return "open";
}

static void print_list(const json_t *letters, int64_t limit)
{
	size_t index = 0;
	json_t *letter = NULL;
	if (json_array_size(letters) == 0)
		(void)printf("no dead letters\n");
	else
		(void)printf("%-36s  %-9s %-8s %-16s %-8s %s\n", "ID", "AGE", "POOL", "CODE", "STATE", "MEDIA");
	json_array_foreach(letters, index, letter)
	{
		char age[REPORT_TEXT_SIZE];
		(void)printf("%-36s  %-9s %-8s %-16s %-8s %s %s\n", report_text(letter, "id"),
		             report_ago(report_text(letter, "created_at"), age), report_text(letter, "pool"),
		             report_text(letter, "code"), letter_state(letter), report_text(letter, "media_id"),
		             report_text(letter, "media_state"));
	}
	if ((int64_t)json_array_size(letters) == limit)
		(void)printf("these are the latest %lld; --limit shows more\n", (long long)limit);
}

static enum rc run_list(const struct call *call, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_auto_t *letters = NULL;
	int64_t limit = LIMIT_DEFAULT;
	enum rc rc = call_number(call, "--limit", 1, LIMIT_MOST, &limit, err);
	if (rc == RC_OK)
		rc = reach_database(call, &database, err);
	const struct db_value values[CATALOG_LETTERS_VALUES] = { db_bool(call_option(call, "--all") != NULL),
		                                                 db_int64(limit), db_bool(false), db_null(),
		                                                 db_null() };
	if (rc == RC_OK)
		rc = reach_query(database, &catalog_letters_statement, values, &letters, err);
	if (rc != RC_OK)
		return rc;
	if (call->json)
		report_json(letters);
	else
		print_list(letters, limit);
	return RC_OK;
}

static void print_letter(const json_t *letter)
{
	char text[1024];
	(void)printf("dead letter  %s (%s)\n", report_text(letter, "id"), letter_state(letter));
	(void)printf("created      %s, after %lld attempts in pool %s\n", report_text(letter, "created_at"),
	             (long long)report_int(letter, "attempts"), report_text(letter, "pool"));
	(void)printf("reason       %s: %s\n", report_text(letter, "code"),
	             report_safe(report_text(letter, "detail"), text, sizeof text));
	(void)printf("media        %s, now %s\n", report_text(letter, "media_id"), report_text(letter, "media.state"));
	(void)printf("file         %s, %s, %lld bytes\n",
	             report_safe(report_text(letter, "media.filename"), text, sizeof text),
	             report_text(letter, "media.content_type"), (long long)report_int(letter, "media.size"));
	(void)printf("job          %s, now %s in lane %s\n", report_text(letter, "job_id"),
	             report_text(letter, "job.state"), report_text(letter, "job.lane"));
	(void)printf("owner        %s\n", report_text(letter, "owner_id"));
}

static enum rc run_show(const struct call *call, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_auto_t *letter = NULL;
	struct uuid id;
	if (!uuid_parse(call->arguments[0], &id))
		return err_set(err, RC_INVALID, "'%.64s' is no id of a dead letter", call->arguments[0]);
	enum rc rc = reach_database(call, &database, err);
	const struct db_value values[] = { db_uuid(&id) };
	if (rc == RC_OK)
		rc = reach_query(database, &catalog_letter_statement, values, &letter, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, rc, "there is no dead letter %s", call->arguments[0]);
	if (rc != RC_OK)
		return rc;
	if (call->json)
		report_json(letter);
	else
		print_letter(letter);
	return RC_OK;
}

static const struct command_option LIST_OPTIONS[] = {
	{ "--limit", "N", "the latest N, 1 to 1000 (50)" },
	{ "--all", NULL, "also those that were redriven or dropped" },
	{ 0 },
};

const struct command command_dead_list = {
	.name = "dead list",
	.arguments = "",
	.summary = "jobs that ended without success, the latest first",
	.options = LIST_OPTIONS,
	.secrets = SECRETS_DATABASE,
	.run = run_list,
};

const struct command command_dead_show = {
	.name = "dead show",
	.arguments = "ID",
	.summary = "one dead letter: reason, media, job",
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_DATABASE,
	.run = run_show,
};
