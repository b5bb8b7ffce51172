// Writing the audit log.
#include "safelightctl/audit.h"

#include "catalog/operator.h"
#include "safelightctl/reach.h"

enum rc audit_write(struct db_pool *database, const char *action, const char *subject_kind,
                    const struct uuid *subject_id, struct err *err)
{
	char who[160];
	const struct operator_actor actor = { .name = reach_operator(who, sizeof who) };
	struct catalog catalog = reach_catalog(database);
	struct catalog_call frame = reach_catalog_call();
	return catalog_operator_audit(&catalog, &frame, action, subject_kind, subject_id, NULL, &actor, err);
}
