// From pieces of a body to an answer. What waits runs in tus' own pool; between two such steps nobody has the session
// but the event thread.
#include "ingest/tus_write.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/settings.h"
#include "catalog/tus.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/stream.h"
#include "ingest/ingest.h"
#include "ingest/tus.h"
#include "ingest/tus_answer.h"
#include "ingest/tus_protocol.h"
#include "ingest/tus_session.h"
#include "ingest/upload_view.h"

int64_t tus_body_length(const struct http_request *request)
{
	int64_t length = 0;
	if (http_request_header(request, "Transfer-Encoding") != NULL)
		return -1;
	(void)tus_read_number(http_request_header(request, "Content-Length"), &length);
	return length;
}

// ---- the end of a session -------------------------------------------------------------------------------------------

// The request becomes the caller's alone.
static struct http_request *take_request(struct tus_session *session)
{
	struct tus *tus = session->ingest->tus;
	tus_lock(tus);
	struct http_request *request = session->request;
	session->request = NULL;
	tus_unlock(tus);
	return request;
}

static void end_session(struct tus_session *session)
{
	tus_delist(session->ingest->tus, session);
	tus_session_free(session);
}

// The client is not there any more: keep what it sent.
static void save_and_end(void *argument)
{
	struct tus_session *session = argument;
	const struct catalog_call call = { .deadline = deadline_after_ms(session->ingest->settings->http_request_ms),
		                           .traceparent = session->traceparent };
	struct err err = { 0 };
	// With a checksum a body counts as a whole or not at all.
	if (session->digest != NULL)
		tus_session_drop(session, &call);
	else if (tus_session_save(session, &call, &err) != RC_OK)
		LOG_FAILURE(LOG_WARNING, "tus_not_saved", &err);
	end_session(session);
}

static void answer_failure(struct tus_session *session, const struct err *err)
{
	struct http_request *request = take_request(session);
	if (err->rc == RC_CONFLICT)
		http_respond_problem(request, 423, "locked", "Another request has taken this upload over.");
	else
		upload_view_fail(request, err);
}

static void answer_written(struct tus_session *session)
{
	const struct tus_state state = { .upload_id = session->upload_id,
		                         .offset = session->committed + session->tail_size,
		                         .size = session->size,
		                         .expires_at = session->expires_at };
	tus_answer_written(session->ingest, take_request(session), session->is_creation ? 201 : 204, &state);
}

// ---- steps that wait ------------------------------------------------------------------------------------------------

static const struct http_sink SINK;

static void read_on(struct tus_session *session)
{
	struct tus *tus = session->ingest->tus;
	tus_lock(tus);
	bool goes_on = http_stream_read(session->request, &SINK, session);
	if (!goes_on)
		session->request = NULL;
	tus_unlock(tus);
	if (!goes_on)
		save_and_end(session); // it took so long that the client has been told to come again
}

static void flush(void *argument)
{
	struct tus_session *session = argument;
	const struct catalog_call call = ingest_call_of(session->request);
	struct err err = { 0 };
	if (tus_session_flush(session, &call, &err) != RC_OK) {
		answer_failure(session, &err);
		tus_session_drop(session, &call);
		end_session(session);
	} else if (session->yields) {
		answer_failure(session, &(struct err){ RC_CONFLICT, "" });
		save_and_end(session);
	} else {
		read_on(session);
	}
}

static void finish(void *argument)
{
	struct tus_session *session = argument;
	const struct catalog_call call = ingest_call_of(session->request);
	struct err err = { 0 };
	if (!tus_session_check(session)) {
		tus_session_drop(session, &call);
		http_respond_problem(take_request(session), TUS_STATUS_MISMATCH, "checksum-mismatch",
		                     "The bytes do not have the checksum that was given. They were dropped.");
	} else if (tus_session_save(session, &call, &err) != RC_OK) {
		tus_session_drop(session, &call);
		answer_failure(session, &err);
	} else {
		answer_written(session);
	}
	end_session(session);
}

// ---- the body, on the event thread ---------------------------------------------------------------------------------

static void refuse_overload(struct tus_session *session)
{
	struct http_request *request = take_request(session);
	end_session(session); // its lease runs out
	http_respond_retry_after(request, 2);
	http_respond_problem(request, 503, "overloaded", "Too many uploads at once. Try again in a moment.");
}

static void hand_over(struct tus_session *session, struct http_request *request, void (*step)(void *session))
{
	http_request_defer(request);
	if (tus_submit(session->ingest->tus, step, session) != RC_OK)
		refuse_overload(session);
}

static void lose(struct http_request *request, void *state)
{
	struct tus_session *session = state;
	(void)request;
	(void)take_request(session);
	if (tus_submit(session->ingest->tus, save_and_end, session) != RC_OK)
		end_session(session);
}

static void take(struct http_request *request, void *state, const void *data, size_t size)
{
	struct tus_session *session = state;
	tus_count(session->ingest->tus, size);
	if (!tus_session_take(session, data, size)) {
		lose(request, session);
		http_respond_problem(request, 413, "too-large", "This is more than the upload's length.");
	} else if (tus_session_is_full(session)) {
		hand_over(session, request, flush);
	}
}

static void end(struct http_request *request, void *state)
{
	hand_over(state, request, finish);
}

static const struct http_sink SINK = { take, end, lose };

// ---- the beginning -------------------------------------------------------------------------------------------------

void tus_write(struct tus_session *session, struct http_request *request)
{
	const struct catalog_call call = ingest_call_of(request);
	int64_t expected = tus_body_length(request);
	struct err err = { 0 };
	session->request = request;
	tus_enlist(session->ingest->tus, session);
	if (expected > session->size - session->stored - session->tail_size) {
		tus_session_drop(session, &call);
		http_respond_problem(take_request(session), 413, "too-large", "This is more than the upload's length.");
		end_session(session);
		return;
	}
	enum rc rc = tus_session_load(session, expected, &call, &err);
	if (rc == RC_OK) {
		read_on(session);
		return;
	}
	tus_session_drop(session, &call);
	if (rc == RC_LIMIT) {
		refuse_overload(session);
		return;
	}
	answer_failure(session, &err);
	end_session(session);
}

// What a PATCH asks for; in its request's arena.
struct patch {
	struct http_request *request;
	struct uuid upload_id;
	int64_t offset;
	struct tus_checksum checksum;
};

static void refuse_claim(const struct patch *patch, const struct err *err, const struct tus_row *row)
{
	struct http_request *request = patch->request;
	struct ingest *ingest = ingest_of(request);
	switch (err->rc) {
	case RC_BUSY:
		tus_yield(ingest->tus, &patch->upload_id);
		http_respond_retry_after(request, 1);
		http_respond_problem(request, 423, "locked",
		                     "Another request writes to this upload. It has been asked to end; try again.");
		break;
	case RC_CONFLICT:
		tus_answer_elsewhere(request, row->stored + row->tail_size);
		break;
	case RC_NOT_FOUND:
		tus_answer_not_open(ingest, request, &patch->upload_id);
		break;
	default:
		upload_view_fail(request, err);
	}
}

static void claim(void *argument)
{
	const struct patch *patch = argument;
	struct http_request *request = patch->request;
	struct ingest *ingest = ingest_of(request);
	struct tus_row row = { 0 };
	struct db_result *result = NULL;
	struct tus_session *session = NULL;
	struct err err = { 0 };
	if (ingest_let_go_if_over(request))
		return;
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid writer = uuid_new();
	enum rc rc = catalog_tus_claim(&ingest->catalog, &call, &http_request_principal(request)->user_id,
	                               &patch->upload_id, &writer, patch->offset, &row, &result, &err);
	if (rc == RC_OK) {
		session = tus_session_new(ingest, &row, &writer, &patch->checksum, http_request_traceparent(request));
		if (session == NULL)
			rc = err_set(&err, RC_NO_MEMORY, "no memory for an upload");
	}
	if (rc == RC_OK)
		tus_write(session, request);
	else
		refuse_claim(patch, &err, &row);
	db_result_free(result);
}

static bool read_patch(struct http_request *request, struct patch *patch)
{
	const char *type = http_request_header(request, "Content-Type");
	if (!tus_begin(request) || !http_request_parameter_uuid(request, "id", &patch->upload_id))
		return false;
	if (type == NULL || strcasecmp(type, TUS_CONTENT_TYPE) != 0) {
		http_respond_problem(request, 415, "unsupported-media-type",
		                     "Content-Type must be " TUS_CONTENT_TYPE ".");
		return false;
	}
	if (!tus_read_number(http_request_header(request, "Upload-Offset"), &patch->offset)) {
		http_respond_problem(request, 400, "invalid-offset", "Upload-Offset must be a number of bytes.");
		return false;
	}
	if (!tus_read_checksum(http_request_header(request, "Upload-Checksum"), &patch->checksum)) {
		http_respond_problem(request, 400, "invalid-checksum",
		                     "Upload-Checksum must be an algorithm of " TUS_CHECKSUM_ALGORITHMS
		                     " and its digest in base64.");
		return false;
	}
	return true;
}

void tus_patch(struct http_request *request)
{
	struct patch *patch = arena_alloc(http_request_arena(request), sizeof *patch);
	if (patch == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for a request" });
		return;
	}
	patch->request = request;
	if (read_patch(request, patch))
		tus_run(request, claim, patch);
}
