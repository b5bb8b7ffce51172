// Reading one media's document.
#include "safelightctl/media_read.h"

#include "base/cleanup.h"
#include "base/uuid.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

enum rc media_read(const struct call *call, const struct db_statement *statement, void (*print)(const json_t *document),
                   struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_auto_t *document = NULL;
	struct uuid id;
	if (!uuid_parse(call->arguments[0], &id))
		return err_set(err, RC_INVALID, "'%.64s' is no id of a media", call->arguments[0]);
	enum rc rc = reach_database(call, &database, err);
	const struct db_value values[] = { db_uuid(&id) };
	if (rc == RC_OK)
		rc = reach_query(database, statement, values, &document, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, rc, "there is no media %s", call->arguments[0]);
	if (rc != RC_OK)
		return rc;
	if (call->json)
		report_json(document);
	else
		print(document);
	return RC_OK;
}
