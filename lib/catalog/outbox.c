// Relaying the outbox, and looking after it.
#include "catalog/outbox.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "catalog/run.h"
#include "db/array.h"

// A row is passed over while it waits after a failure, or while another relay holds it. Ids are no cursor: rows commit
// out of order.
static const struct db_statement claim_statement = {
	.name = "outbox_claim",
	.sql = "SELECT id, event_id, epoch, subject, payload, created_at, attempts FROM outbox "
	       "WHERE sent_at IS NULL AND not_before <= now() ORDER BY id LIMIT $1::bigint FOR UPDATE SKIP LOCKED",
	.parameter_count = 1,
};

// The message of a job is only a doorbell for its row, which stays; events are kept for sending them again.
static const struct db_statement sent_statement = {
	.name = "outbox_sent",
	.sql = "WITH gone AS (DELETE FROM outbox WHERE id = ANY ($1::bigint[]) AND kind = 'job') "
	       "UPDATE outbox SET sent_at = now() WHERE id = ANY ($1) AND kind <> 'job'",
	.parameter_count = 1,
};

static const struct db_statement unsent_statement = {
	.name = "outbox_unsent",
	.sql = "UPDATE outbox SET attempts = attempts + 1, "
	       "not_before = now() + least(interval '10 seconds', interval '100 milliseconds' * power(2, least(attempts, 10))) "
	       "WHERE id = ANY ($1::bigint[])",
	.parameter_count = 1,
};

static const struct db_statement backlog_statement = {
	.name = "outbox_backlog",
	.sql = "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)) * 1000, 0)::bigint "
	       "FROM outbox WHERE sent_at IS NULL",
	.read_only = true,
};

static const struct db_statement resend_statement = {
	.name = "outbox_resend",
	.sql = "WITH r AS (UPDATE outbox SET sent_at = NULL, epoch = epoch + 1, attempts = 0, not_before = now() "
	       "  WHERE sent_at >= now() - $1::bigint * interval '1 millisecond' RETURNING 1) SELECT count(*) FROM r",
	.parameter_count = 1,
};

static const struct db_statement purge_statement = {
	.name = "outbox_purge",
	.sql = "WITH p AS (DELETE FROM outbox WHERE id IN (SELECT id FROM outbox "
	       "    WHERE sent_at < now() - $1::bigint * interval '1 millisecond' ORDER BY sent_at LIMIT $2::bigint "
	       "    FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM p",
	.parameter_count = 2,
};

struct relaying {
	const struct catalog_call *call;
	size_t limit;
	catalog_outbox_send *send;
	void *context;
	size_t sent;
	enum rc rc; // of the send, when it failed: the marks are committed nevertheless
	struct err err;
};

static void read_row(const struct db_result *result, size_t row, struct outbox_row *ret_row)
{
	struct uuid event_id = db_result_uuid(result, row, 1);
	int64_t epoch = db_result_int64(result, row, 2);
	char text[UUID_TEXT_SIZE];

	*ret_row = (struct outbox_row){
		.id = db_result_int64(result, row, 0),
		.subject = db_result_text(result, row, 3),
		.payload = db_result_text(result, row, 4),
		.created_at = db_result_time_us(result, row, 5),
		.attempts = (unsigned)db_result_int64(result, row, 6),
	};
	uuid_format(&event_id, text);
	if (epoch == 0)
		(void)snprintf(ret_row->message_id, sizeof(ret_row->message_id), "%s", text);
	else
		(void)snprintf(ret_row->message_id, sizeof(ret_row->message_id), "%s.%" PRId64, text, epoch);
}

// Mark the rows whose flag is `wanted`.
static enum rc mark(struct db_connection *connection, const struct relaying *relaying,
                    const struct db_statement *statement, const struct outbox_row *rows, const bool *sent, size_t count,
                    bool wanted, struct err *err)
{
	int64_t ids[CATALOG_OUTBOX_BATCH];
	size_t marked = 0;
	struct buffer array;
	struct db_value value;
	enum rc rc;

	for (size_t i = 0; i < count; i++) {
		if (sent[i] == wanted)
			ids[marked++] = rows[i].id;
	}
	if (marked == 0)
		return RC_OK;
	buffer_init(&array, CATALOG_ARGUMENT_BYTES);
	db_array_of_int64(&array, ids, marked);
	value = db_text(buffer_text(&array));
	// The send may have used up the call's time; what it achieved must be recorded nevertheless.
	rc = db_execute(connection, statement, &value, 1,
	                deadline_after_ms(deadline_left_ms(relaying->call->deadline) + 1000), NULL, err);
	buffer_done(&array);
	return rc;
}

static enum rc relay_rows(struct db_connection *connection, struct relaying *relaying, const struct db_result *result,
                          struct err *err)
{
	size_t count = db_result_rows(result);
	struct outbox_row *rows = calloc(count, sizeof(*rows));
	bool sent[CATALOG_OUTBOX_BATCH] = { false };
	enum rc rc;

	if (rows == NULL)
		return err_set(err, RC_NO_MEMORY, "outbox: no memory");
	for (size_t i = 0; i < count; i++)
		read_row(result, i, &rows[i]);
	relaying->err = (struct err){ .rc = RC_OK };
	relaying->rc = relaying->send(relaying->context, rows, count, relaying->call->deadline, sent, &relaying->err);
	relaying->sent = 0;
	for (size_t i = 0; i < count; i++)
		relaying->sent += sent[i];
	rc = mark(connection, relaying, &sent_statement, rows, sent, count, true, err);
	if (rc == RC_OK)
		rc = mark(connection, relaying, &unsent_statement, rows, sent, count, false, err);
	free(rows);
	return rc;
}

static enum rc relay_in(struct db_connection *connection, struct relaying *relaying, struct err *err)
{
	const struct db_value limit = db_int64((int64_t)relaying->limit);
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	enum rc rc = db_execute(connection, &claim_statement, &limit, 1, relaying->call->deadline, &result, err);

	if (rc != RC_OK || db_result_rows(result) == 0)
		return rc;
	return relay_rows(connection, relaying, result, err);
}

// Not db_transaction: sending must never be repeated within one round, and the commit needs time of its own.
enum rc catalog_outbox_relay(const struct catalog *catalog, const struct catalog_call *call, size_t limit,
                             catalog_outbox_send *send, void *context, size_t *ret_count, struct err *err)
{
	struct relaying relaying = { .call = call, .limit = limit, .send = send, .context = context };
	struct db_connection *connection;
	enum rc rc;

	assert(limit >= 1 && limit <= CATALOG_OUTBOX_BATCH);
	rc = db_pool_acquire(catalog->pool, call->deadline, &connection, err);
	if (rc != RC_OK)
		return rc;
	rc = db_begin(connection, deadline_after_ms(deadline_left_ms(call->deadline) + 2000), err);
	if (rc == RC_OK)
		rc = relay_in(connection, &relaying, err);
	if (rc == RC_OK)
		rc = db_commit(connection, deadline_after_ms(deadline_left_ms(call->deadline) + 2000), err);
	db_pool_release(catalog->pool, connection);
	if (rc != RC_OK)
		return rc;
	*ret_count = relaying.sent;
	if (relaying.rc != RC_OK && relaying.sent == 0)
		return err_set(err, relaying.rc, "%s", relaying.err.text);
	return RC_OK;
}

enum rc catalog_outbox_backlog(const struct catalog *catalog, const struct catalog_call *call, int64_t *ret_count,
                               int64_t *ret_oldest_ms, struct err *err)
{
	struct db_result *result;
	enum rc rc = catalog_run(catalog, call, &backlog_statement, NULL, 0, &result, err);

	if (rc != RC_OK)
		return rc;
	*ret_count = db_result_int64(result, 0, 0);
	*ret_oldest_ms = db_result_int64(result, 0, 1);
	db_result_free(result);
	return RC_OK;
}

enum rc catalog_outbox_resend(const struct catalog *catalog, const struct catalog_call *call, int64_t since_ms,
                              int64_t *ret_count, struct err *err)
{
	const struct db_value value = db_int64(since_ms);

	return catalog_run_number(catalog, call, &resend_statement, &value, 1, ret_count, err);
}

enum rc catalog_outbox_purge(const struct catalog *catalog, const struct catalog_call *call, int64_t keep_ms,
                             size_t limit, int64_t *ret_count, struct err *err)
{
	const struct db_value values[] = { db_int64(keep_ms), db_int64((int64_t)limit) };

	return catalog_run_number(catalog, call, &purge_statement, values, 2, ret_count, err);
}
