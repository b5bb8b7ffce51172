// Applies numbered SQL files to the database, each once, in order, each in one transaction.
//
// Files are <4 digits>_<lower_snake_case>.sql, numbered from 0001 without gaps. What was applied is in the table
// schema_migrations with the SHA-256 of its file: a file that was changed afterwards is refused. Two runners at once
// are safe (advisory lock).
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "db/options.h"

struct db_migration_report {
	unsigned version;
	const char *name; // without number and ".sql"
	int64_t microseconds;
};

// Called after each migration that was applied by this run.
typedef void db_migration_applied(void *context, const struct db_migration_report *report);

struct db_migrate_options {
	const char *folder; // NULL: $SAFELIGHT_MIGRATIONS, else lib/db/migrations beside the binary's tree
	int64_t lock_ms;    // lock_timeout of each migration: it gives up rather than stop the service; 0: 10 s
	db_migration_applied *applied; // may be NULL
	void *context;
};

// Bring the database up to date, as a role that owns the schema. The deadline bounds waiting for another runner and
// each statement. RC_CONFLICT (a file was changed, is missing, or numbers have a gap; err names it), RC_TIMEOUT
// (another runner holds the lock), RC_NOT_FOUND (no folder), or what the server said, naming the file. What was applied
// before a failure stays.
enum rc db_migrate(const struct db_options *options, const struct db_migrate_options *migrate, struct deadline deadline,
                   struct err *err) MUST_CHECK;

// The highest version applied (0: none) and the highest in the folder: for readiness and safelightctl.
enum rc db_migrate_status(const struct db_options *options, const struct db_migrate_options *migrate,
                          struct deadline deadline, unsigned *ret_applied, unsigned *ret_available,
                          struct err *err) MUST_CHECK;
