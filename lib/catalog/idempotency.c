// Claims, kept answers.
#include "catalog/idempotency.h"

#include <string.h>

#include "catalog/run.h"

// A row without a status is a claim, which lapses at expires_at like an answer. Of two that claim at once one inserts;
// the other waits for it and sees a row that its snapshot does not hold: busy.
static const struct db_statement claim_statement = {
	.name = "idempotency_claim",
	.sql = "WITH mine AS (INSERT INTO idempotency_keys AS k (owner_id, scope, key, fingerprint, expires_at) "
	       "  VALUES ($1, $2, $3, $4, now() + $5::bigint * interval '1 millisecond') "
	       "  ON CONFLICT (owner_id, scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = NULL, "
	       "    response = NULL, created_at = now(), expires_at = excluded.expires_at WHERE k.expires_at < now() "
	       "  RETURNING 1) "
	       "SELECT EXISTS (SELECT FROM mine), k.fingerprint, k.status, k.response FROM (SELECT 1) AS one "
	       "LEFT JOIN idempotency_keys k ON k.owner_id = $1 AND k.scope = $2 AND k.key = $3",
	.parameter_count = 5,
};

static const struct db_statement keep_statement = {
	.name = "idempotency_keep",
	.sql = "UPDATE idempotency_keys SET status = $5, response = $6, expires_at = now() + " CATALOG_IDEMPOTENCY_LIFE
	       " WHERE owner_id = $1 AND scope = $2 AND key = $3 AND fingerprint = $4 AND status IS NULL",
	.parameter_count = 6,
};

static const struct db_statement release_statement = {
	.name = "idempotency_release",
	.sql = "DELETE FROM idempotency_keys WHERE owner_id = $1 AND scope = $2 AND key = $3 AND fingerprint = $4 "
	       "AND status IS NULL",
	.parameter_count = 4,
};

static enum rc read_found(const struct idempotency_claim *claim, const struct db_result *result,
                          struct idempotency_found *ret_found, struct err *err)
{
	struct idempotency_found found = { .state = IDEMPOTENCY_BUSY };
	size_t length = 0;
	const uint8_t *fingerprint = db_result_bytes(result, 0, 1, &length);
	const char *answer = db_result_text(result, 0, 3);
	bool is_done = !db_result_is_null(result, 0, 2);

	if (db_result_bool(result, 0, 0))
		found.state = IDEMPOTENCY_MINE;
	else if (fingerprint != NULL && (length != 32 || memcmp(fingerprint, claim->fingerprint, 32) != 0))
		found.state = IDEMPOTENCY_OTHER;
	else if (fingerprint != NULL && is_done)
		found = (struct idempotency_found){ .state = IDEMPOTENCY_DONE,
			                            .status = (unsigned)db_result_int64(result, 0, 2),
			                            .answer = answer == NULL ? NULL : strdup(answer) };
	if (found.state == IDEMPOTENCY_DONE && answer != NULL && found.answer == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a kept answer");
	*ret_found = found;
	return RC_OK;
}

static enum rc claim(void *context, const struct idempotency_claim *claim, int64_t lease_ms, struct deadline deadline,
                     struct idempotency_found *ret_found, struct err *err)
{
	const struct catalog_call call = { .deadline = deadline };
	const struct db_value values[] = { db_uuid(&claim->owner_id), db_text(claim->scope), db_text(claim->key),
		                           db_bytes(claim->fingerprint, 32), db_int64(lease_ms) };
	struct db_result *result = NULL;
	enum rc rc = catalog_run(context, &call, &claim_statement, values, 5, &result, err);

	if (rc != RC_OK)
		return rc;
	rc = read_found(claim, result, ret_found, err);
	db_result_free(result);
	return rc;
}

static enum rc keep(void *context, const struct idempotency_claim *claim, unsigned status, const char *answer,
                    struct deadline deadline, struct err *err)
{
	const struct catalog_call call = { .deadline = deadline };
	const struct db_value values[] = { db_uuid(&claim->owner_id),        db_text(claim->scope), db_text(claim->key),
		                           db_bytes(claim->fingerprint, 32), db_int64(status),      db_text(answer) };
	struct db_result *result = NULL;
	enum rc rc = catalog_run(context, &call, &keep_statement, values, 6, &result, err);

	if (rc == RC_OK)
		db_result_free(result);
	return rc;
}

static enum rc release(void *context, const struct idempotency_claim *claim, struct deadline deadline, struct err *err)
{
	const struct catalog_call call = { .deadline = deadline };
	const struct db_value values[] = { db_uuid(&claim->owner_id), db_text(claim->scope), db_text(claim->key),
		                           db_bytes(claim->fingerprint, 32) };
	struct db_result *result = NULL;
	enum rc rc = catalog_run(context, &call, &release_statement, values, 4, &result, err);

	if (rc == RC_OK)
		db_result_free(result);
	return rc;
}

struct idempotency_store catalog_idempotency_store(struct catalog *catalog)
{
	return (struct idempotency_store){ .context = catalog, .claim = claim, .keep = keep, .release = release };
}
