// Writing the audit log.
#include "safelightctl/audit.h"

#include "db/pool.h"
#include "safelightctl/reach.h"

static const struct db_statement write_statement = {
	.name = "ctl_audit_write",
	.sql = "INSERT INTO audit_log (action, subject_kind, subject_id, user_agent, detail) "
	       "VALUES ($1, $2, $3, 'safelightctl', json_build_object('by', $4::text)) "
	       "RETURNING json_build_object('id', id)",
	.parameter_count = 4,
};

enum rc audit_write(struct db_pool *database, const char *action, const char *subject_kind,
                    const struct uuid *subject_id, struct err *err)
{
	char who[160];
	json_auto_t *written = NULL;
	reach_operator(who, sizeof who);
	const struct db_value values[] = { db_text(action), db_text(subject_kind), db_uuid(subject_id), db_text(who) };
	enum rc rc = reach_query(database, &write_statement, values, &written, err);
	return rc == RC_OK ? rc : err_prefix(err, rc, "done, but not written into the audit log");
}
