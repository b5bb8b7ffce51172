// tus' calls on one upload, and what the server can do.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "catalog/tus.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/multipart.h"
#include "ingest/routes.h"
#include "ingest/settle.h"
#include "ingest/tus.h"
#include "ingest/tus_answer.h"
#include "ingest/tus_protocol.h"
#include "ingest/tus_write.h"
#include "ingest/upload_view.h"

// ---- OPTIONS --------------------------------------------------------------------------------------------------------

static void answer_options(struct http_request *request)
{
	char size[24];
	(void)snprintf(size, sizeof size, "%lld", (long long)tus_max_bytes(ingest_of(request)));
	http_respond_header(request, "Tus-Resumable", TUS_VERSION);
	http_respond_header(request, "Tus-Version", TUS_VERSION);
	http_respond_header(request, "Tus-Extension", TUS_EXTENSIONS);
	http_respond_header(request, "Tus-Checksum-Algorithm", TUS_CHECKSUM_ALGORITHMS);
	http_respond_header(request, "Tus-Max-Size", size);
	http_respond_empty(request, 204);
}

const struct route route_tus_options = { .method = "OPTIONS",
	                                 .path = "/files",
	                                 .auth = ROUTE_PUBLIC,
	                                 .run = ROUTE_EVENT,
	                                 .handle = answer_options,
	                                 .summary = "tus: versions, extensions and limits." };

const struct route route_tus_options_one = { .method = "OPTIONS",
	                                     .path = "/files/{id}",
	                                     .auth = ROUTE_PUBLIC,
	                                     .run = ROUTE_EVENT,
	                                     .handle = answer_options,
	                                     .summary = "tus: versions, extensions and limits." };

// ---- HEAD -----------------------------------------------------------------------------------------------------------

// All bytes are stored, and whoever stored the last ones did not get further: a client that asks now must not be told
// that it is done with nobody at work. Failures are the reconciler's to mend.
static void settle_whole(struct ingest *ingest, const struct catalog_call *call, const struct tus_row *row)
{
	struct settled settled;
	struct err err = { 0 };
	if (row->upload.media_state == MEDIA_AWAITING_UPLOAD && row->stored == row->upload.size &&
	    settle_upload(ingest, call, &row->upload, SETTLE_BY_CLIENT, &settled, &err) != RC_OK)
		LOG_FAILURE(LOG_WARNING, "tus_not_settled", &err);
}

static void answer_head(struct ingest *ingest, struct http_request *request, const struct tus_row *row)
{
	char number[24];
	bool is_open = row->upload.media_state == MEDIA_AWAITING_UPLOAD;
	(void)snprintf(number, sizeof number, "%lld", (long long)row->upload.size);
	http_respond_header(request, "Upload-Length", number);
	if (row->metadata[0] != '\0')
		http_respond_header(request, "Upload-Metadata", row->metadata);
	http_respond_header(request, "Cache-Control", "no-store");
	tus_answer_written(ingest, request, 200,
	                   &(struct tus_state){ .upload_id = row->upload.id,
	                                        .offset = is_open ? row->stored + row->tail_size : row->upload.size,
	                                        .size = row->upload.size,
	                                        .expires_at = row->upload.expires_at });
}

// The caller's upload of the route's id; texts in *ret_row live as long as *ret_result. RC_OK without a result: the id
// is none, and 404 has been answered.
static enum rc find_own(struct http_request *request, const struct catalog_call *call, struct tus_row *ret_row,
                        struct db_result **ret_result, struct err *err)
{
	struct uuid id;
	if (!http_request_parameter_uuid(request, "id", &id))
		return RC_OK;
	return catalog_tus_find(&ingest_of(request)->catalog, call, &http_request_principal(request)->user_id, &id,
	                        ret_row, ret_result, err);
}

static void head(void *argument)
{
	struct http_request *request = argument;
	struct ingest *ingest = ingest_of(request);
	struct tus_row row;
	struct db_result *result = NULL;
	struct err err = { 0 };
	const struct catalog_call call = ingest_call_of(request);
	if (ingest_let_go_if_over(request))
		return;
	enum rc rc = find_own(request, &call, &row, &result, &err);
	if (rc == RC_OK && result == NULL)
		return; // no id at all: answered
	if (rc != RC_OK) {
		upload_view_fail(request, &err);
	} else if (row.upload.media_state == MEDIA_EXPIRED || row.upload.media_state == MEDIA_DELETED) {
		http_respond_problem(request, 410, "upload-ended", "This upload is over. Begin a new one.");
	} else {
		settle_whole(ingest, &call, &row);
		answer_head(ingest, request, &row);
	}
	db_result_free(result);
}

static void run_head(struct http_request *request)
{
	if (tus_begin(request))
		tus_run(request, head, request);
}

const struct route route_tus_head = { .method = "GET",
	                              .path = "/files/{id}",
	                              .auth = ROUTE_USER,
	                              .run = ROUTE_EVENT,
	                              .handle = run_head,
	                              .summary = "tus: how far an upload has come (HEAD)." };

// ---- DELETE --------------------------------------------------------------------------------------------------------

static enum rc terminate_open(struct ingest *ingest, const struct catalog_call *call, const struct tus_row *row,
                              struct err *err)
{
	struct upload_ended ended;
	enum rc rc = catalog_upload_abort(&ingest->catalog, call, &row->upload.id, &ended, err);
	if (rc != RC_OK)
		return rc;
	metric_add(ingest->counters.aborted, ended.changed);
	tus_yield(ingest->tus, &row->upload.id);
	multipart_abort(ingest, call, &row->upload);
	return RC_OK;
}

static void terminate(void *argument)
{
	struct http_request *request = argument;
	struct ingest *ingest = ingest_of(request);
	struct tus_row row;
	struct db_result *result = NULL;
	struct err err = { 0 };
	const struct catalog_call call = ingest_call_of(request);
	if (ingest_let_go_if_over(request))
		return;
	enum rc rc = find_own(request, &call, &row, &result, &err);
	if (rc == RC_OK && result == NULL)
		return; // no id at all: answered
	if (rc == RC_OK && row.upload.media_state == MEDIA_AWAITING_UPLOAD)
		rc = terminate_open(ingest, &call, &row, &err);
	else if (rc == RC_OK)
		rc = row.upload.completed ? RC_CONFLICT : RC_NOT_FOUND;
	err.rc = rc;
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else if (rc == RC_CONFLICT)
		http_respond_problem(request, 409, "upload-completed",
		                     "This upload is complete. Delete its media instead.");
	else
		upload_view_fail(request, &err);
	db_result_free(result);
}

static void run_terminate(struct http_request *request)
{
	if (tus_begin(request))
		tus_run(request, terminate, request);
}

const struct route route_tus_terminate = { .method = "DELETE",
	                                   .path = "/files/{id}",
	                                   .auth = ROUTE_USER,
	                                   .run = ROUTE_EVENT,
	                                   .handle = run_terminate,
	                                   .summary = "tus: give an upload up." };

// ---- PATCH, and POST in the place of others ------------------------------------------------------------------------

const struct route route_tus_patch = { .method = "PATCH",
	                               .path = "/files/{id}",
	                               .auth = ROUTE_USER,
	                               .run = ROUTE_EVENT,
	                               .body_limit = SIZE_MAX,
	                               .body = ROUTE_STREAMED,
	                               .handle = tus_patch,
	                               .summary = "tus: send more of an upload." };

static void override(struct http_request *request)
{
	static const struct {
		const char *method;
		http_handler *handle;
	} METHODS[] = { { "PATCH", tus_patch }, { "HEAD", run_head }, { "DELETE", run_terminate } };
	const char *method = http_request_header(request, "X-HTTP-Method-Override");
	for (size_t i = 0; method != NULL && i < sizeof METHODS / sizeof METHODS[0]; i++) {
		if (strcmp(METHODS[i].method, method) == 0) {
			METHODS[i].handle(request);
			return;
		}
	}
	http_respond_header(request, "Tus-Resumable", TUS_VERSION);
	http_respond_header(request, "Allow", "HEAD, PATCH, DELETE, OPTIONS");
	http_respond_problem(request, 405, "method-not-allowed",
	                     "Send PATCH, HEAD or DELETE, or name it in X-HTTP-Method-Override.");
}

const struct route route_tus_override = { .method = "POST",
	                                  .path = "/files/{id}",
	                                  .auth = ROUTE_USER,
	                                  .run = ROUTE_EVENT,
	                                  .body_limit = SIZE_MAX,
	                                  .body = ROUTE_STREAMED,
	                                  .handle = override,
	                                  .summary = "tus: another method, named in X-HTTP-Method-Override." };
