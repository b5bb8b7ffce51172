// Redriving and dropping dead letters, and the audit log's rows of what operators do by hand.
#include <string.h>

#include "base/cleanup.h"
#include "catalog/job.h"
#include "catalog/operator.h"
#include "catalog/run.h"

static const struct db_statement audit_statement = {
	.name = "operator_audit",
	.sql = "INSERT INTO audit_log (actor_id, action, subject_kind, subject_id, address, user_agent, request_id, "
	       "  detail) VALUES ($1, $2, $3, $4, $5::inet, coalesce($6, 'safelightctl'), $7, "
	       "  coalesce($8::jsonb, '{}') || jsonb_strip_nulls(jsonb_build_object('by', $9::text)))",
	.parameter_count = 9,
};

static const struct db_statement find_statement = {
	.name = "operator_letter_find",
	.sql = "SELECT d.media_id, m.state, d.redriven_at IS NULL AND d.dropped_at IS NULL "
	       "FROM dead_letters d LEFT JOIN media m ON m.id = d.media_id WHERE d.id = $1",
	.parameter_count = 1,
	.read_only = true,
};

static const struct db_statement drop_statement = {
	.name = "operator_letter_drop",
	.sql = "UPDATE dead_letters SET dropped_at = now() WHERE id = $1 AND redriven_at IS NULL AND dropped_at IS NULL "
	       "RETURNING id",
	.parameter_count = 1,
};

enum rc catalog_operator_audit(const struct catalog *catalog, const struct catalog_call *call, const char *action,
                               const char *subject_kind, const struct uuid *subject_id, const char *detail,
                               const struct operator_actor *actor, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *written = NULL;
	const struct db_value values[] = {
		db_uuid(actor->user_id),    db_text(action),         db_text(subject_kind),
		db_uuid(subject_id),        db_text(actor->address), db_text(actor->user_agent),
		db_text(actor->request_id), db_text(detail),         db_text(actor->name),
	};
	enum rc rc = catalog_run(catalog, call, &audit_statement, values, 9, &written, err);

	return rc == RC_OK ? rc : err_prefix(err, rc, "done, but not written into the audit log");
}

// The letter's media, when the letter is open.
static enum rc find_open(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *id,
                         struct uuid *ret_media_id, char ret_state[24], struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *found = NULL;
	const struct db_value values[] = { db_uuid(id) };
	enum rc rc = catalog_run(catalog, call, &find_statement, values, 1, &found, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(found) == 0)
		return err_set(err, RC_NOT_FOUND, "there is no such dead letter");
	if (!db_result_bool(found, 0, 2))
		return err_set(err, RC_EXISTS, "it was redriven or dropped before");
	const char *state = db_result_text(found, 0, 1);
	*ret_media_id = db_result_uuid(found, 0, 0);
	(void)snprintf(ret_state, 24, "%s", state == NULL ? "gone" : state);
	return RC_OK;
}

enum rc catalog_letter_redrive(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *id,
                               enum event_lane lane, const struct operator_actor *actor, struct err *err)
{
	struct uuid media_id;
	char state[24];
	enum rc rc = find_open(catalog, call, id, &media_id, state, err);

	if (rc != RC_OK)
		return rc;
	rc = catalog_job_redrive(catalog, call, &media_id, lane, err);
	if (rc == RC_CONFLICT)
		return err_set(err, rc,
		               "its media is %s, and only a failed one can be made again; dropping puts the "
		               "letter away",
		               state);
	if (rc != RC_OK)
		return rc;
	return catalog_operator_audit(catalog, call, "dead_letter.redriven", "dead_letter", id, NULL, actor, err);
}

enum rc catalog_letter_drop(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *id,
                            const struct operator_actor *actor, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *dropped = NULL;
	struct uuid media_id;
	char state[24];
	const struct db_value values[] = { db_uuid(id) };
	enum rc rc = find_open(catalog, call, id, &media_id, state, err);

	if (rc == RC_OK)
		rc = catalog_run(catalog, call, &drop_statement, values, 1, &dropped, err);
	if (rc == RC_OK && db_result_rows(dropped) == 0)
		return err_set(err, RC_EXISTS, "it was redriven or dropped meanwhile");
	if (rc != RC_OK)
		return rc;
	return catalog_operator_audit(catalog, call, "dead_letter.dropped", "dead_letter", id, NULL, actor, err);
}
