// Headers and refusals of tus.
#include "ingest/tus_answer.h"

#include <stdio.h>
#include <string.h>

#include "catalog/tus.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/tus.h"
#include "ingest/tus_protocol.h"
#include "ingest/upload_view.h"

bool tus_begin(struct http_request *request)
{
	const char *version = http_request_header(request, "Tus-Resumable");
	http_respond_header(request, "Tus-Resumable", TUS_VERSION);
	if (version != NULL && strcmp(version, TUS_VERSION) == 0)
		return true;
	http_respond_header(request, "Tus-Version", TUS_VERSION);
	http_respond_problem(request, 412, "unsupported-version", "Send Tus-Resumable: " TUS_VERSION ".");
	return false;
}

void tus_run(struct http_request *request, void (*run)(void *argument), void *argument)
{
	struct ingest *ingest = ingest_of(request);
	http_request_defer(request);
	if (tus_submit(ingest->tus, run, argument) == RC_OK)
		return;
	http_respond_retry_after(request, 2);
	http_respond_problem(request, 503, "overloaded", "Too many uploads at once. Try again in a moment.");
}

static void set_number(struct http_request *request, const char *name, int64_t number)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%lld", (long long)number);
	http_respond_header(request, name, text);
}

void tus_answer_written(struct ingest *ingest, struct http_request *request, unsigned status,
                        const struct tus_state *state)
{
	char date[TUS_DATE_SIZE], id[UUID_TEXT_SIZE], location[UUID_TEXT_SIZE + 16];
	set_number(request, "Upload-Offset", state->offset);
	if (state->offset < state->size) {
		tus_write_date(upload_view_end_seconds(ingest, state->expires_at) * 1000000, date);
		http_respond_header(request, "Upload-Expires", date);
	}
	if (status == 201) {
		uuid_format(&state->upload_id, id);
		(void)snprintf(location, sizeof location, "/files/%s", id);
		http_respond_header(request, "Location", location);
	}
	http_respond_empty(request, status);
}

void tus_answer_elsewhere(struct http_request *request, int64_t offset)
{
	set_number(request, "Upload-Offset", offset);
	http_respond_problem(request, 409, "offset-mismatch", "The upload stands at %lld. Go on from there.",
	                     (long long)offset);
}

void tus_answer_not_open(struct ingest *ingest, struct http_request *request, const struct uuid *upload_id)
{
	struct tus_row row;
	struct db_result *result = NULL;
	struct err err = { 0 };
	const struct catalog_call call = ingest_call_of(request);
	enum rc rc = catalog_tus_find(&ingest->catalog, &call, &http_request_principal(request)->user_id, upload_id,
	                              &row, &result, &err);
	if (rc != RC_OK)
		upload_view_fail(request, &err);
	else if (row.upload.media_state == MEDIA_EXPIRED || row.upload.media_state == MEDIA_DELETED)
		http_respond_problem(request, 410, "upload-ended", "This upload is over. Begin a new one.");
	else
		tus_answer_elsewhere(request, row.upload.size);
	db_result_free(result);
}
