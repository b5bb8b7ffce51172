// The migration files of a folder, read and checked. Private to lib/db.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"

// More files than any schema of ours will have; a folder with more is not ours.
#define MIGRATIONS_MAX 999
#define MIGRATION_NAME_SIZE 64

struct migration {
	unsigned version;
	char name[MIGRATION_NAME_SIZE]; // without number and ".sql"
	char *sql;
	uint8_t sha256[SHA256_SIZE];
};

struct migrations {
	struct migration *entries; // in order: entries[i].version == i + 1
	size_t count;
};

// folder NULL: $SAFELIGHT_MIGRATIONS, else the nearest lib/db/migrations or share/safelight/migrations above the
// binary. RC_NOT_FOUND, RC_CONFLICT (a gap, a number twice), RC_INVALID (a name that is not ours). Caller:
// migrations_done.
enum rc migrations_read(const char *folder, struct migrations *ret_migrations, struct err *err) MUST_CHECK;
void migrations_done(struct migrations *migrations);
