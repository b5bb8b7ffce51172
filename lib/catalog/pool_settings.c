// The table pool_settings.
#include "catalog/pool_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "catalog/run.h"

static const struct db_statement read_statement = {
	.name = "pool_history_read",
	.sql = "SELECT history FROM pool_settings WHERE pool = $1",
	.parameter_count = 1,
	.read_only = true,
};

static const struct db_statement write_statement = {
	.name = "pool_history_write",
	.sql = "INSERT INTO pool_settings AS s (pool, history) VALUES ($1, $2::json) ON CONFLICT (pool) DO UPDATE "
	       "SET history = excluded.history, updated_at = now() WHERE s.history::text <> excluded.history::text",
	.parameter_count = 2,
};

enum rc catalog_pool_history_read(const struct catalog *catalog, const struct catalog_call *call, const char *pool,
                                  char **ret_history, struct err *err)
{
	const struct db_value value = db_text(pool);
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	enum rc rc = catalog_run(catalog, call, &read_statement, &value, 1, &result, err);
	char *history;

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return err_set(err, RC_NOT_FOUND, "no settings of pool %s are kept", pool);
	history = strdup(db_result_text(result, 0, 0));
	if (history == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	*ret_history = history;
	return RC_OK;
}

enum rc catalog_pool_history_write(const struct catalog *catalog, const struct catalog_call *call, const char *pool,
                                   const char *history, struct err *err)
{
	const struct db_value values[] = { db_text(pool), db_text(history) };
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;

	return catalog_run(catalog, call, &write_statement, values, 2, &result, err);
}
