// Counting what was begun, and refusing what was not.
#include "ingest/upload_begun.h"

#include <stdio.h>

#include "base/metrics.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/upload_view.h"

void upload_begun_count(struct ingest *ingest, const struct upload_begun *begun)
{
	struct metric *const counters[] = { [UPLOAD_BEGUN] = ingest->counters.begun,
		                            [UPLOAD_REPEATED] = ingest->counters.repeated,
		                            [UPLOAD_DUPLICATE] = ingest->counters.duplicates };
	metric_add(counters[begun->outcome], 1);
}

void upload_begun_refuse(struct http_request *request, const struct upload_new *new, const char *where,
                         const struct err *err)
{
	char pointer[64];
	(void)snprintf(pointer, sizeof pointer, "%s/item_id", where);
	const struct http_field_error no_item = { pointer, "there is no such item of yours" };
	switch (err->rc) {
	case RC_LIMIT:
		http_respond_problem(request, 507, "quota-exceeded",
		                     "This would exceed your quota. Delete something, or finish or cancel "
		                     "uploads that you have begun.");
		break;
	case RC_CONFLICT:
		http_respond_problem(request, 422, "idempotency-key-reused",
		                     "This Idempotency-Key was used for another request. Use a new one for each.");
		break;
	case RC_NOT_FOUND:
		if (new->item_id == NULL)
			http_respond_problem(request, 422, "idempotency-key-reused",
			                     "What was begun with this Idempotency-Key is gone. Use a new one.");
		else
			http_respond_problem_fields(request, 422, "invalid-field", "One field is not right.", &no_item,
			                            1);
		break;
	case RC_DENIED:
		http_respond_problem(request, 401, "unauthorized", "This account does not exist any more.");
		break;
	default:
		upload_view_fail(request, err);
	}
}
