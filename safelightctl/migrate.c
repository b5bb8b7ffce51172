// safelightctl migrate: bring the database's schema up to date.
#include <jansson.h>
#include <stdio.h>

#include "base/settings.h"
#include "db/migrate.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

// For waiting for another runner, and for all migrations: one that writes a large table anew takes minutes, and is
// begun again from nothing when it is given up (`make bench-migrate` times them at a million items).
#define MIGRATE_MS 3600000

struct migrating {
	bool json;
	json_t *applied;
};

static void on_applied(void *context, const struct db_migration_report *migration)
{
	struct migrating *migrating = context;
	(void)json_array_append_new(migrating->applied, json_pack("{s:i, s:s, s:I}", "version", (int)migration->version,
	                                                          "name", migration->name, "milliseconds",
	                                                          (json_int_t)(migration->microseconds / 1000)));
	if (!migrating->json)
		(void)printf("applied %04u %s (%lld ms)\n", migration->version, migration->name,
		             (long long)(migration->microseconds / 1000));
}

static enum rc run(const struct call *call, struct err *err)
{
	const struct settings *settings = call->settings;
	struct migrating migrating = { .json = call->json, .applied = json_array() };
	struct db_options options;
	db_options_init(&options, settings, settings->admin_database_user, settings->admin_database_password,
	                "safelightctl", NULL);
	(void)db_options_go_direct(&options, settings);
	struct db_migrate_options migrate = { .applied = on_applied, .context = &migrating };
	enum rc rc = db_migrate(&options, &migrate, deadline_after_ms(MIGRATE_MS), err);
	json_t *document = json_pack("{s:o}", "applied", migrating.applied);
	if (call->json && rc == RC_OK)
		report_json(document);
	else if (rc == RC_OK && json_array_size(json_object_get(document, "applied")) == 0)
		(void)printf("the schema is up to date\n");
	json_decref(document);
	return rc;
}

const struct command command_migrate = {
	.name = "migrate",
	.arguments = "",
	.summary = "apply the schema's migrations that are missing",
	.secrets = SECRETS_DATABASE,
	.run = run,
};
