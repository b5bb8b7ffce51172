// A database of the test's own in the stack's Postgres: created and migrated, dropped afterwards, so that no service of
// the stack ever sees its rows.
#pragma once

#include "base/clock.h"
#include "base/uuid.h"
#include "db/options.h"

struct db_connection;
struct db_pool;
struct settings;

enum test_role { TEST_ADMIN, TEST_INGEST, TEST_TRANSCODER, TEST_API };
#define TEST_ROLE_COUNT 4

struct test_database {
	struct settings *settings; // of SAFELIGHT_CONFIG
	char name[64];
	char *admin_password;
	struct db_pool *admin; // a pool of the owner of everything
};

// Make one; is_migrated: with all tables. Fails the running test's group when it cannot (no SAFELIGHT_CONFIG, no
// server). Returns 0, as cmocka wants it.
int test_database_create(struct test_database *database, bool is_migrated);
void test_database_drop(struct test_database *database);

// Options for a role; change what a test needs.
void test_database_options(const struct test_database *database, enum test_role role, struct db_options *ret_options);

// Run SQL as the owner; fails the test when it fails.
void test_database_run(const struct test_database *database, const char *sql);
// The first column of the first row of a SELECT of a bigint.
int64_t test_database_count(const struct test_database *database, const char *sql);

// A new user's id.
struct uuid test_database_add_user(const struct test_database *database);

// Ten seconds from now.
struct deadline test_deadline(void);
