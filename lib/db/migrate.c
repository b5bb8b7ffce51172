// The migrations runner.
#include "db/migrate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "db/migrate_files.h"
#include "db/pool.h"

#define LOCK_MS_DEFAULT 10000
#define LOCK_POLL_MS 100

// Any number that nobody else in this database uses: "safe" in ASCII.
#define LOCK_SQL "SELECT pg_try_advisory_lock(1935762021)"

static const struct db_statement has_table_statement = {
	.name = "migrate_has_table",
	.sql = "SELECT to_regclass('public.schema_migrations') IS NOT NULL",
	.read_only = true,
};
static const struct db_statement list_statement = {
	.name = "migrate_list",
	.sql = "SELECT version, name, sha256 FROM public.schema_migrations ORDER BY version",
	.read_only = true,
};
static const struct db_statement lock_statement = { .name = "migrate_lock", .sql = LOCK_SQL };
static const struct db_statement record_statement = {
	.name = "migrate_record",
	.sql = "INSERT INTO public.schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
	.parameter_count = 3,
};
static const char create_table_sql[] = "CREATE TABLE IF NOT EXISTS public.schema_migrations ("
                                       "version integer PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, "
                                       "applied_at timestamptz NOT NULL DEFAULT now())";

// How many were applied; RC_CONFLICT when what was applied is not what the files say.
static enum rc count_applied(struct db_connection *connection, const struct migrations *migrations,
                             struct deadline deadline, size_t *ret_count, struct err *err)
{
	struct db_result *result;
	bool has_table;
	enum rc rc = db_execute(connection, &has_table_statement, NULL, 0, deadline, &result, err);

	if (rc != RC_OK)
		return rc;
	has_table = db_result_bool(result, 0, 0);
	db_result_free(result);
	*ret_count = 0;
	if (!has_table)
		return RC_OK;
	rc = db_execute(connection, &list_statement, NULL, 0, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; rc == RC_OK && i < db_result_rows(result); i++) {
		int64_t version = db_result_int64(result, i, 0);
		const char *name = db_result_text(result, i, 1);
		size_t length;
		const uint8_t *sha256 = db_result_bytes(result, i, 2, &length);

		if (version != (int64_t)i + 1)
			rc = err_set(err, RC_CONFLICT, "the database has migration %04" PRId64 " but not %04zu",
			             version, i + 1);
		else if (i >= migrations->count)
			rc = err_set(err, RC_CONFLICT, "the database has migration %04" PRId64 "_%s, which has no file",
			             version, name);
		else if (strcmp(name, migrations->entries[i].name) != 0 || length != SHA256_SIZE ||
		         memcmp(sha256, migrations->entries[i].sha256, SHA256_SIZE) != 0)
			rc = err_set(err, RC_CONFLICT,
			             "migration %04" PRId64
			             "_%s.sql was changed after it was applied; add a new one instead",
			             version, migrations->entries[i].name);
	}
	if (rc == RC_OK)
		*ret_count = db_result_rows(result);
	db_result_free(result);
	return rc;
}

// Held until the connection is closed.
static enum rc lock_out_others(struct db_connection *connection, struct deadline deadline, struct err *err)
{
	for (;;) {
		struct db_result *result;
		bool is_ours;
		enum rc rc = db_execute(connection, &lock_statement, NULL, 0, deadline, &result, err);

		if (rc != RC_OK)
			return rc;
		is_ours = db_result_bool(result, 0, 0);
		db_result_free(result);
		if (is_ours)
			return RC_OK;
		if (deadline_left_ms(deadline) <= LOCK_POLL_MS)
			return err_set(err, RC_TIMEOUT, "another process is migrating this database");
		clock_sleep_ms(LOCK_POLL_MS);
	}
}

static enum rc apply_in(struct db_connection *connection, const struct migration *migration, int64_t lock_ms,
                        struct deadline deadline, struct err *err)
{
	const struct db_value values[] = { db_int64(migration->version), db_text(migration->name),
		                           db_bytes(migration->sha256, SHA256_SIZE) };
	char lock_sql[64];
	enum rc rc;

	(void)snprintf(lock_sql, sizeof(lock_sql), "SET LOCAL lock_timeout = %" PRId64, lock_ms);
	rc = db_execute_script(connection, lock_sql, deadline, err);
	if (rc == RC_OK)
		rc = db_execute_script(connection, create_table_sql, deadline, err);
	if (rc == RC_OK)
		rc = db_execute_script(connection, migration->sql, deadline, err);
	if (rc == RC_OK)
		rc = db_execute(connection, &record_statement, values, 3, deadline, NULL, err);
	return rc;
}

static enum rc apply(struct db_connection *connection, const struct migration *migration,
                     const struct db_migrate_options *migrate, struct deadline deadline, struct err *err)
{
	int64_t begun_us = clock_monotonic_us();
	int64_t lock_ms = migrate->lock_ms > 0 ? migrate->lock_ms : LOCK_MS_DEFAULT;
	enum rc rc = db_begin(connection, deadline, err);

	if (rc != RC_OK)
		return rc;
	rc = apply_in(connection, migration, lock_ms, deadline, err);
	if (rc == RC_OK)
		rc = db_commit(connection, deadline, err);
	else
		db_rollback(connection, deadline_after_ms(DB_GRACE_MS));
	if (rc != RC_OK)
		return err_prefix(err, rc, "migration %04u_%s.sql", migration->version, migration->name);
	if (migrate->applied != NULL) {
		const struct db_migration_report report = { .version = migration->version,
			                                    .name = migration->name,
			                                    .microseconds = clock_monotonic_us() - begun_us };

		migrate->applied(migrate->context, &report);
	}
	return RC_OK;
}

static enum rc bring_up_to_date(struct db_connection *connection, const struct migrations *migrations,
                                const struct db_migrate_options *migrate, struct deadline deadline, struct err *err)
{
	size_t applied = 0;
	enum rc rc = count_applied(connection, migrations, deadline, &applied, err);

	if (rc != RC_OK || applied == migrations->count)
		return rc;
	rc = lock_out_others(connection, deadline, err);
	// Another runner may have done it while this one waited.
	if (rc == RC_OK)
		rc = count_applied(connection, migrations, deadline, &applied, err);
	for (size_t i = applied; rc == RC_OK && i < migrations->count; i++)
		rc = apply(connection, &migrations->entries[i], migrate, deadline, err);
	return rc;
}

// Read the files and connect; close_database undoes both.
static enum rc with_database(const struct db_options *options, const struct db_migrate_options *migrate,
                             struct deadline deadline, struct migrations *migrations, struct db_pool **ret_pool,
                             struct db_connection **ret_connection, struct err *err)
{
	enum rc rc = migrations_read(migrate->folder, migrations, err);

	if (rc != RC_OK)
		return rc;
	rc = db_pool_new(options, 1, ret_pool, err);
	if (rc == RC_OK) {
		rc = db_pool_acquire(*ret_pool, deadline, ret_connection, err);
		if (rc == RC_OK)
			return RC_OK;
		db_pool_free(*ret_pool);
	}
	migrations_done(migrations);
	return rc;
}

static void close_database(struct migrations *migrations, struct db_pool *pool, struct db_connection *connection)
{
	db_pool_release(pool, connection);
	db_pool_free(pool);
	migrations_done(migrations);
}

enum rc db_migrate(const struct db_options *options, const struct db_migrate_options *migrate, struct deadline deadline,
                   struct err *err)
{
	struct migrations migrations;
	struct db_pool *pool;
	struct db_connection *connection;
	enum rc rc = with_database(options, migrate, deadline, &migrations, &pool, &connection, err);

	if (rc != RC_OK)
		return rc;
	rc = bring_up_to_date(connection, &migrations, migrate, deadline, err);
	close_database(&migrations, pool, connection);
	return rc;
}

enum rc db_migrate_status(const struct db_options *options, const struct db_migrate_options *migrate,
                          struct deadline deadline, unsigned *ret_applied, unsigned *ret_available, struct err *err)
{
	struct migrations migrations;
	struct db_pool *pool;
	struct db_connection *connection;
	size_t applied;
	enum rc rc = with_database(options, migrate, deadline, &migrations, &pool, &connection, err);

	if (rc != RC_OK)
		return rc;
	rc = count_applied(connection, &migrations, deadline, &applied, err);
	if (rc == RC_OK) {
		*ret_applied = (unsigned)applied;
		*ret_available = (unsigned)migrations.count;
	}
	close_database(&migrations, pool, connection);
	return rc;
}
