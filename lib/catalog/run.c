// Running single statements.
#include "catalog/run.h"

#include "db/pipeline.h"

enum rc catalog_run(const struct catalog *catalog, const struct catalog_call *call,
                    const struct db_statement *statement, const struct db_value *values, unsigned count,
                    struct db_result **ret_result, struct err *err)
{
	struct db_connection *connection;
	enum rc rc;

	if (catalog->pipeline != NULL && statement->read_only)
		return db_pipeline_query(catalog->pipeline, statement, values, count, call->deadline, ret_result, err);
	rc = db_pool_acquire(catalog->pool, call->deadline, &connection, err);
	if (rc != RC_OK)
		return rc;
	rc = db_execute(connection, statement, values, count, call->deadline, ret_result, err);
	db_pool_release(catalog->pool, connection);
	return rc;
}

enum rc catalog_run_number(const struct catalog *catalog, const struct catalog_call *call,
                           const struct db_statement *statement, const struct db_value *values, unsigned count,
                           int64_t *ret_number, struct err *err)
{
	struct db_result *result;
	enum rc rc = catalog_run(catalog, call, statement, values, count, &result, err);

	if (rc != RC_OK)
		return rc;
	*ret_number = db_result_rows(result) == 0 ? 0 : db_result_int64(result, 0, 0);
	db_result_free(result);
	return RC_OK;
}
