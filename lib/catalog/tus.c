// The statements about uploads by tus.
#include "catalog/tus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "catalog/run.h"
#include "catalog/upload_columns.h"
#include "db/array.h"

static_assert(CATALOG_TUS_LEASE_MS == 6000, "the statements say it too");
#define LEASE "interval '6 seconds'"

// Behind the columns of catalog_upload_read.
#define TUS_COLUMNS(t)                                                                                                 \
	t ".metadata, " t ".part_size, " t ".stored, " t ".tail_key, " t ".tail_size, " t ".writer IS NOT NULL AND " t \
	  ".lease_until >= now() "
#define TUS_COLUMN_COUNT 6

static const struct db_statement add_statement = {
	.name = "tus_add",
	.sql = "INSERT INTO tus_uploads (upload_id, metadata, part_size, writer, lease_until) "
	       "VALUES ($1, $2, $3, $4::uuid, CASE WHEN $4 IS NULL THEN NULL ELSE now() + " LEASE " END) "
	       "ON CONFLICT DO NOTHING",
	.parameter_count = 4,
};

static const struct db_statement find_statement = {
	.name = "tus_find",
	.sql = "SELECT " UPLOAD_COLUMNS
	       ", " TUS_COLUMNS("t") "FROM tus_uploads t JOIN uploads u ON u.id = t.upload_id "
	                             "JOIN media m ON m.id = u.media_id WHERE t.upload_id = $1 AND u.owner_id = $2",
	.parameter_count = 2,
	.read_only = true,
};

static const struct db_statement claim_statement = {
	.name = "tus_claim",
	.sql = "WITH old AS (SELECT t.upload_id, t.writer IS NULL OR t.lease_until < now() AS is_free, "
	       "    t.stored + t.tail_size = $4::bigint AS fits "
	       "  FROM tus_uploads t JOIN uploads u ON u.id = t.upload_id WHERE t.upload_id = $1 AND u.owner_id = $2 "
	       "  AND u.completed_at IS NULL AND u.aborted_at IS NULL FOR UPDATE OF t), "
	       "now_held AS (UPDATE tus_uploads t SET "
	       "    writer = CASE WHEN old.is_free AND old.fits THEN $3::uuid WHEN old.is_free THEN NULL "
	       "      ELSE t.writer END, "
	       "    lease_until = CASE WHEN old.is_free AND old.fits THEN now() + " LEASE " WHEN old.is_free THEN NULL "
	       "      ELSE t.lease_until END, "
	       "    wanted = NOT old.is_free "
	       "  FROM old WHERE t.upload_id = old.upload_id RETURNING t.*, old.is_free, old.fits) "
	       "SELECT " UPLOAD_COLUMNS
	       ", " TUS_COLUMNS("t") ", t.is_free, t.fits FROM now_held t "
	                             "JOIN uploads u ON u.id = t.upload_id JOIN media m ON m.id = u.media_id",
	.parameter_count = 4,
};

static const struct db_statement commit_statement = {
	.name = "tus_commit",
	.sql = "WITH held AS (UPDATE tus_uploads SET stored = $3, tail_key = $4, tail_size = $5, "
	       "    writer = CASE WHEN $10::boolean THEN NULL ELSE writer END, "
	       "    lease_until = CASE WHEN $10 THEN NULL ELSE now() + " LEASE " END "
	       "  WHERE upload_id = $1 AND writer = $2::uuid RETURNING upload_id), "
	       "part AS (INSERT INTO tus_parts (upload_id, number, etag) SELECT held.upload_id, p.number, p.etag "
	       "  FROM held, unnest($7::integer[], $8::text[]) AS p(number, etag) ON CONFLICT DO NOTHING), "
	       "old_tail AS (INSERT INTO deletions (kind, target, media_id) SELECT 'original', $6::text, $9::uuid "
	       "  FROM held WHERE $6 IS NOT NULL) "
	       "SELECT count(*) FROM held",
	.parameter_count = 10,
};

static const struct db_statement renew_statement = {
	.name = "tus_renew",
	.sql = "UPDATE tus_uploads t SET lease_until = now() + " LEASE " FROM "
	       "unnest($1::uuid[], $2::uuid[]) AS k(upload_id, writer) "
	       "WHERE t.upload_id = k.upload_id AND t.writer = k.writer RETURNING t.upload_id, t.wanted",
	.parameter_count = 2,
};

static const struct db_statement parts_statement = {
	.name = "tus_parts",
	.sql = "SELECT p.number, p.etag, t.stored = u.size FROM tus_uploads t JOIN uploads u ON u.id = t.upload_id "
	       "LEFT JOIN tus_parts p ON p.upload_id = t.upload_id WHERE t.upload_id = $1 ORDER BY p.number",
	.parameter_count = 1,
	.read_only = true,
};

enum rc catalog_tus_add(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *upload_id,
                        const char *metadata, int64_t part_size, const struct uuid *writer, struct err *err)
{
	const struct db_value values[] = { db_uuid(upload_id), db_text(metadata), db_int64(part_size),
		                           db_uuid(writer) };

	return catalog_run(catalog, call, &add_statement, values, 4, NULL, err);
}

static struct tus_row read_row(const struct db_result *result, size_t first)
{
	struct tus_row row = {
		.metadata = db_result_text(result, 0, first),
		.part_size = db_result_int64(result, 0, first + 1),
		.stored = db_result_int64(result, 0, first + 2),
		.tail_key = db_result_text(result, 0, first + 3),
		.tail_size = db_result_int64(result, 0, first + 4),
		.is_written = db_result_bool(result, 0, first + 5),
	};

	catalog_upload_read(result, 0, &row.upload);
	return row;
}

enum rc catalog_tus_find(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *owner_id,
                         const struct uuid *upload_id, struct tus_row *ret_row, struct db_result **ret_result,
                         struct err *err)
{
	const struct db_value values[] = { db_uuid(upload_id), db_uuid(owner_id) };
	struct db_result *result;
	enum rc rc = catalog_run(catalog, call, &find_statement, values, 2, &result, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0) {
		db_result_free(result);
		return err_set(err, RC_NOT_FOUND, "there is no such upload");
	}
	*ret_row = read_row(result, db_result_columns(result) - TUS_COLUMN_COUNT);
	*ret_result = result;
	return RC_OK;
}

enum rc catalog_tus_claim(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *owner_id,
                          const struct uuid *upload_id, const struct uuid *writer, int64_t offset,
                          struct tus_row *ret_row, struct db_result **ret_result, struct err *err)
{
	const struct db_value values[] = { db_uuid(upload_id), db_uuid(owner_id), db_uuid(writer), db_int64(offset) };
	struct db_result *result;
	enum rc rc = catalog_run(catalog, call, &claim_statement, values, 4, &result, err);
	size_t columns;
	bool is_free, fits;

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0) {
		db_result_free(result);
		return err_set(err, RC_NOT_FOUND, "there is no such upload, or it has ended");
	}
	columns = db_result_columns(result);
	is_free = db_result_bool(result, 0, columns - 2);
	fits = db_result_bool(result, 0, columns - 1);
	if (!is_free) {
		db_result_free(result);
		return err_set(err, RC_BUSY, "somebody else writes to this upload");
	}
	*ret_row = read_row(result, columns - 2 - TUS_COLUMN_COUNT);
	*ret_result = result;
	return fits ? RC_OK : err_set(err, RC_CONFLICT, "the upload stands elsewhere");
}

// The parts as two arrays; false without memory.
static bool write_parts(const struct tus_commit *commit, struct buffer *numbers, struct buffer *etags)
{
	CLEANUP(free_pointer) int64_t *number = calloc(commit->part_count + 1, sizeof *number);
	CLEANUP(free_pointer) const char **etag = calloc(commit->part_count + 1, sizeof *etag);

	if (number == NULL || etag == NULL)
		return false;
	for (size_t i = 0; i < commit->part_count; i++) {
		number[i] = commit->parts[i].number;
		etag[i] = commit->parts[i].etag;
	}
	db_array_of_int64(numbers, number, commit->part_count);
	db_array_of_texts(etags, etag, commit->part_count);
	return buffer_ok(numbers) && buffer_ok(etags);
}

enum rc catalog_tus_commit(const struct catalog *catalog, const struct catalog_call *call,
                           const struct tus_commit *commit, struct err *err)
{
	struct buffer numbers, etags;
	int64_t held = 0;
	enum rc rc = RC_NO_MEMORY;

	buffer_init(&numbers, CATALOG_ARGUMENT_BYTES);
	buffer_init(&etags, CATALOG_ARGUMENT_BYTES);
	if (write_parts(commit, &numbers, &etags)) {
		const struct db_value values[] = {
			db_uuid(&commit->upload_id),    db_uuid(&commit->writer),     db_int64(commit->stored),
			db_text(commit->tail_key),      db_int64(commit->tail_size),  db_text(commit->old_tail_key),
			db_text(buffer_text(&numbers)), db_text(buffer_text(&etags)), db_uuid(&commit->media_id),
			db_bool(commit->releases),
		};
		rc = catalog_run_number(catalog, call, &commit_statement, values, 10, &held, err);
	} else {
		(void)err_set(err, rc, "no memory for the parts");
	}
	buffer_done(&numbers);
	buffer_done(&etags);
	if (rc == RC_OK && held == 0)
		rc = err_set(err, RC_CONFLICT, "the lease of this upload was lost");
	return rc;
}

static void mark_renewed(const struct db_result *result, struct tus_lease *leases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		leases[i].is_lost = true;
	for (size_t row = 0; row < db_result_rows(result); row++) {
		struct uuid id = db_result_uuid(result, row, 0);
		for (size_t i = 0; i < count; i++) {
			if (memcmp(&leases[i].upload_id, &id, sizeof id) != 0)
				continue;
			leases[i].is_lost = false;
			leases[i].is_wanted = db_result_bool(result, row, 1);
		}
	}
}

enum rc catalog_tus_renew(const struct catalog *catalog, const struct catalog_call *call, struct tus_lease *leases,
                          size_t count, struct err *err)
{
	struct uuid ids[CATALOG_TUS_RENEW_MAX], writers[CATALOG_TUS_RENEW_MAX];
	struct buffer id_texts, writer_texts;
	struct db_result *result = NULL;
	enum rc rc;

	assert(count <= CATALOG_TUS_RENEW_MAX);
	for (size_t i = 0; i < count; i++) {
		ids[i] = leases[i].upload_id;
		writers[i] = leases[i].writer;
	}
	buffer_init(&id_texts, CATALOG_ARGUMENT_BYTES);
	buffer_init(&writer_texts, CATALOG_ARGUMENT_BYTES);
	db_array_of_uuids(&id_texts, ids, count);
	db_array_of_uuids(&writer_texts, writers, count);
	const struct db_value values[] = { db_text(buffer_text(&id_texts)), db_text(buffer_text(&writer_texts)) };
	rc = catalog_run(catalog, call, &renew_statement, values, 2, &result, err);
	if (rc == RC_OK)
		mark_renewed(result, leases, count);
	db_result_free(result);
	buffer_done(&id_texts);
	buffer_done(&writer_texts);
	return rc;
}

enum rc catalog_tus_parts(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *upload_id,
                          struct db_result **ret_result, struct err *err)
{
	const struct db_value values[] = { db_uuid(upload_id) };
	struct db_result *result;
	enum rc rc = catalog_run(catalog, call, &parts_statement, values, 1, &result, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0 || !db_result_bool(result, 0, 2) || db_result_is_null(result, 0, 0)) {
		db_result_free(result);
		return err_set(err, RC_CONFLICT, "the upload is not whole yet");
	}
	*ret_result = result;
	return RC_OK;
}

struct tus_part catalog_tus_read_part(const struct db_result *result, size_t row)
{
	return (struct tus_part){ .number = (unsigned)db_result_int64(result, row, 0),
		                  .etag = db_result_text(result, row, 1) };
}
