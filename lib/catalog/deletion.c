// The deletions list.
#include <string.h>

#include "catalog/run.h"
#include "catalog/sweep.h"
#include "db/array.h"

static const char *const kind_names[] = {
	[DELETION_ORIGINAL] = "original", [DELETION_VARIANT] = "variant", [DELETION_PURGE] = "purge"
};

static const struct db_statement claim_statement = {
	.name = "deletion_claim",
	.sql = "WITH due AS (SELECT id FROM deletions WHERE not_before <= now() ORDER BY not_before, id LIMIT $1::bigint "
	       "  FOR UPDATE SKIP LOCKED) "
	       "UPDATE deletions SET attempts = attempts + 1, not_before = now() + $2::bigint * interval '1 millisecond' "
	       "FROM due WHERE deletions.id = due.id "
	       "RETURNING deletions.id, deletions.kind, deletions.target, deletions.media_id, deletions.attempts",
	.parameter_count = 2,
};

static const struct db_statement done_statement = {
	.name = "deletion_done",
	.sql = "DELETE FROM deletions WHERE id = ANY ($1::bigint[])",
	.parameter_count = 1,
};

static const struct db_statement retry_statement = {
	.name = "deletion_retry",
	.sql = "UPDATE deletions SET last_error = left($2, 500), "
	       "not_before = now() + least(interval '1 hour', interval '1 second' * power(2, least(attempts - 1, 12))) "
	       "WHERE id = $1",
	.parameter_count = 2,
};

static const struct db_statement add_statement = {
	.name = "deletion_add",
	.sql = "INSERT INTO deletions (kind, target, media_id, not_before) "
	       "VALUES ($1, $2, $3, now() + $4::bigint * interval '1 millisecond')",
	.parameter_count = 4,
};

enum rc catalog_deletion_claim(const struct catalog *catalog, const struct catalog_call *call, size_t limit,
                               int64_t lease_ms, struct db_result **ret_result, struct err *err)
{
	const struct db_value values[] = { db_int64((int64_t)limit), db_int64(lease_ms) };

	return catalog_run(catalog, call, &claim_statement, values, 2, ret_result, err);
}

void catalog_deletion_read(const struct db_result *result, size_t row, struct deletion_row *ret_deletion)
{
	const char *kind = db_result_text(result, row, 1);

	*ret_deletion = (struct deletion_row){
		.id = db_result_int64(result, row, 0),
		.kind = DELETION_PURGE,
		.target = db_result_text(result, row, 2),
		.media_id = db_result_uuid(result, row, 3),
		.attempts = (unsigned)db_result_int64(result, row, 4),
	};
	for (unsigned i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (strcmp(kind, kind_names[i]) == 0)
			ret_deletion->kind = (enum deletion_kind)i;
	}
}

enum rc catalog_deletion_done(const struct catalog *catalog, const struct catalog_call *call, const int64_t *ids,
                              size_t count, struct err *err)
{
	struct buffer array;
	struct db_value value;
	enum rc rc;

	if (count == 0)
		return RC_OK;
	buffer_init(&array, CATALOG_ARGUMENT_BYTES);
	db_array_of_int64(&array, ids, count);
	value = db_text(buffer_text(&array));
	rc = catalog_run(catalog, call, &done_statement, &value, 1, NULL, err);
	buffer_done(&array);
	return rc;
}

enum rc catalog_deletion_retry(const struct catalog *catalog, const struct catalog_call *call, int64_t id,
                               const char *error, struct err *err)
{
	const struct db_value values[] = { db_int64(id), db_text(error) };

	return catalog_run(catalog, call, &retry_statement, values, 2, NULL, err);
}

enum rc catalog_deletion_add(const struct catalog *catalog, const struct catalog_call *call, enum deletion_kind kind,
                             const struct uuid *media_id, const char *target, int64_t delay_ms, struct err *err)
{
	const struct db_value values[] = { db_text(kind_names[kind]), db_text(target), db_uuid(media_id),
		                           db_int64(delay_ms) };

	return catalog_run(catalog, call, &add_statement, values, 4, NULL, err);
}
