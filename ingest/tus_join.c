// Completing the store's multipart upload of an upload by tus.
#include "ingest/tus_join.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/settings.h"
#include "catalog/tus.h"
#include "ingest/ingest.h"
#include "store/store_multipart.h"

static enum rc complete(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                        const struct db_result *result, struct err *err)
{
	const struct store_target target = { .bucket = ingest->settings->store_originals_bucket,
		                             .key = upload->object_key,
		                             .timeout_ms = ingest_store_ms(ingest, call->deadline) };
	size_t count = db_result_rows(result);
	CLEANUP(free_pointer) struct store_part *parts = calloc(count + 1, sizeof *parts);
	if (parts == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a list of parts");
	for (size_t i = 0; i < count; i++) {
		const struct tus_part part = catalog_tus_read_part(result, i);
		parts[i].number = part.number;
		(void)snprintf(parts[i].etag, sizeof parts[i].etag, "%s", part.etag);
	}
	enum rc rc = store_upload_complete(ingest->store, &target, upload->multipart_id, parts, count, NULL, err);
	// No such upload any more: somebody else was faster, and the object is there.
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc tus_join(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                 struct err *err)
{
	struct db_result *result = NULL;
	if (upload->multipart_id == NULL)
		return err_set(err, RC_NOT_FOUND, "no part has come");
	enum rc rc = catalog_tus_parts(&ingest->catalog, call, &upload->id, &result, err);
	if (rc == RC_OK)
		rc = complete(ingest, call, upload, result, err);
	else if (rc == RC_CONFLICT)
		rc = err_set(err, RC_NOT_FOUND, "the upload is not whole yet");
	db_result_free(result);
	return rc;
}
