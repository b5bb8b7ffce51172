// safelightctl migrate: bring the database's schema up to date.
#include <stdio.h>

#include "base/settings.h"
#include "db/migrate.h"
#include "safelightctl/command.h"

// Waiting for another runner, and one migration of a large table.
#define MIGRATE_MS 300000

static void report(void *context, const struct db_migration_report *migration)
{
	unsigned *count = context;
	(*count)++;
	(void)printf("applied %04u %s (%lld ms)\n", migration->version, migration->name,
	             (long long)(migration->microseconds / 1000));
}

static enum rc run(const struct settings *settings, int argument_count, char **arguments, struct err *err)
{
	(void)arguments;
	if (argument_count != 0)
		return err_set(err, RC_INVALID, "takes no arguments");
	unsigned count = 0;
	struct db_options options;
	db_options_init(&options, settings, settings->admin_database_user, settings->admin_database_password,
	                "safelightctl", NULL);
	struct db_migrate_options migrate = { .applied = report, .context = &count };
	enum rc rc = db_migrate(&options, &migrate, deadline_after_ms(MIGRATE_MS), err);
	if (rc == RC_OK && count == 0)
		(void)printf("the schema is up to date\n");
	return rc;
}

const struct command command_migrate = {
	.name = "migrate",
	.summary = "apply the schema's migrations that are missing",
	.run = run,
};
