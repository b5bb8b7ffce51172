// Finding and reading migration files.
#include "db/migrate_files.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MIGRATION_BYTES_MAX (1024 * 1024)
// From build/bin (or build-x/tests/unit) up to the tree's root.
#define PARENTS_MAX 6

static const char *const places[] = { "lib/db/migrations", "share/safelight/migrations" };

static bool find_folder(char ret_folder[PATH_MAX])
{
	const char *configured = getenv("SAFELIGHT_MIGRATIONS");
	char parent[PATH_MAX];
	ssize_t length;

	if (configured != NULL && configured[0] != '\0')
		return snprintf(ret_folder, PATH_MAX, "%s", configured) < PATH_MAX;
	length = readlink("/proc/self/exe", parent, sizeof(parent) - 1);
	if (length <= 0)
		return false;
	parent[length] = '\0';
	for (unsigned i = 0; i < PARENTS_MAX; i++) {
		char *slash = strrchr(parent, '/');

		if (slash == NULL)
			return false;
		*slash = '\0';
		for (size_t place = 0; place < sizeof(places) / sizeof(places[0]); place++) {
			if (snprintf(ret_folder, PATH_MAX, "%s/%s", parent, places[place]) < PATH_MAX &&
			    access(ret_folder, R_OK) == 0)
				return true;
		}
	}
	return false;
}

// "0001_accounts.sql"
static bool parse_name(const char *file, struct migration *ret_migration)
{
	size_t digits = strspn(file, "0123456789");
	size_t name;

	if (digits != 4 || file[digits] != '_')
		return false;
	name = strspn(file + 5, "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (name == 0 || name >= MIGRATION_NAME_SIZE || strcmp(file + 5 + name, ".sql") != 0)
		return false;
	ret_migration->version = (unsigned)strtoul(file, NULL, 10);
	memcpy(ret_migration->name, file + 5, name);
	ret_migration->name[name] = '\0';
	return ret_migration->version >= 1;
}

static enum rc read_one(const char *folder, const char *file, struct migrations *migrations, struct err *err)
{
	struct migration migration = { 0 };
	struct migration *grown;
	char path[PATH_MAX];
	size_t length;
	enum rc rc;

	if (!parse_name(file, &migration))
		return err_set(err, RC_INVALID, "migration %s/%s is not named <4 digits>_<lower_snake_case>.sql",
		               folder, file);
	if (migrations->count == MIGRATIONS_MAX || snprintf(path, sizeof(path), "%s/%s", folder, file) >= PATH_MAX)
		return err_set(err, RC_LIMIT, "too many migrations or too long a path in %s", folder);
	rc = file_read(path, MIGRATION_BYTES_MAX, &migration.sql, &length, err);
	if (rc != RC_OK)
		return rc;
	sha256_of(migration.sql, length, migration.sha256);
	grown = reallocarray(migrations->entries, migrations->count + 1, sizeof(*grown));
	if (grown == NULL) {
		free(migration.sql);
		return err_set(err, RC_NO_MEMORY, "migrations: no memory");
	}
	migrations->entries = grown;
	migrations->entries[migrations->count++] = migration;
	return RC_OK;
}

static int compare_versions(const void *left, const void *right)
{
	unsigned a = ((const struct migration *)left)->version;
	unsigned b = ((const struct migration *)right)->version;

	return (a > b) - (a < b);
}

static enum rc check_order(const char *folder, const struct migrations *migrations, struct err *err)
{
	for (size_t i = 0; i < migrations->count; i++) {
		unsigned version = migrations->entries[i].version;

		if (version == i + 1)
			continue;
		if (version == i)
			return err_set(err, RC_CONFLICT, "migration %04u stands twice in %s", version, folder);
		return err_set(err, RC_CONFLICT, "migration %04zu is missing in %s (next is %04u_%s)", i + 1, folder,
		               version, migrations->entries[i].name);
	}
	return migrations->count > 0 ? RC_OK : err_set(err, RC_NOT_FOUND, "no migrations in %s", folder);
}

static enum rc read_folder(const char *folder, struct migrations *migrations, struct err *err)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	enum rc rc = RC_OK;

	if (directory == NULL)
		return err_set(err, RC_NOT_FOUND, "cannot read the folder of migrations %s", folder);
	while (rc == RC_OK && (entry = readdir(directory)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');

		// Editors' files and notes are nobody's business; whatever ends in .sql is meant.
		if (dot != NULL && strcmp(dot, ".sql") == 0 && entry->d_name[0] != '.')
			rc = read_one(folder, entry->d_name, migrations, err);
	}
	(void)closedir(directory);
	if (rc != RC_OK)
		return rc;
	if (migrations->count > 0)
		qsort(migrations->entries, migrations->count, sizeof(*migrations->entries), compare_versions);
	return check_order(folder, migrations, err);
}

enum rc migrations_read(const char *folder, struct migrations *ret_migrations, struct err *err)
{
	struct migrations migrations = { 0 };
	char found[PATH_MAX];
	enum rc rc;

	if (folder == NULL) {
		if (!find_folder(found))
			return err_set(err, RC_NOT_FOUND,
			               "no folder of migrations beside the program; set SAFELIGHT_MIGRATIONS");
		folder = found;
	}
	rc = read_folder(folder, &migrations, err);
	if (rc != RC_OK) {
		migrations_done(&migrations);
		return rc;
	}
	*ret_migrations = migrations;
	return RC_OK;
}

void migrations_done(struct migrations *migrations)
{
	for (size_t i = 0; i < migrations->count; i++)
		free(migrations->entries[i].sql);
	free(migrations->entries);
	*migrations = (struct migrations){ 0 };
}
