// POST /files: an upload is begun, perhaps with its first bytes.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "base/settings.h"
#include "catalog/tus.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/routes.h"
#include "ingest/tus.h"
#include "ingest/tus_answer.h"
#include "ingest/tus_protocol.h"
#include "ingest/tus_session.h"
#include "ingest/tus_write.h"
#include "ingest/upload_begun.h"
#include "ingest/upload_policy.h"
#include "ingest/upload_request.h"
#include "ingest/upload_view.h"

static const char *const VISIBILITIES[] = { "private", "shared", "public" };

// What a creation asks for; in its request's arena.
struct creation {
	struct http_request *request;
	struct upload_request upload;
	const char *metadata;
	struct tus_checksum checksum;
	bool has_body;
};

static void refuse(struct http_request *request, const char *slug, const char *detail)
{
	http_respond_problem(request, 400, slug, "%s", detail);
}

// ---- the head -------------------------------------------------------------------------------------------------------

static bool read_length(struct http_request *request, struct creation *creation)
{
	if (http_request_header(request, "Upload-Defer-Length") != NULL ||
	    !tus_read_number(http_request_header(request, "Upload-Length"), &creation->upload.new.size)) {
		refuse(request, "invalid-length", "Upload-Length must say how many bytes the file has.");
		return false;
	}
	return true;
}

static bool read_body_head(struct http_request *request, struct creation *creation)
{
	const char *type = http_request_header(request, "Content-Type");
	creation->has_body = tus_body_length(request) != 0;
	if (creation->has_body && (type == NULL || strcasecmp(type, TUS_CONTENT_TYPE) != 0)) {
		http_respond_problem(request, 415, "unsupported-media-type",
		                     "The Content-Type of an upload's first bytes must be " TUS_CONTENT_TYPE ".");
		return false;
	}
	if (!tus_read_checksum(http_request_header(request, "Upload-Checksum"), &creation->checksum)) {
		refuse(request, "invalid-checksum",
		       "Upload-Checksum must be an algorithm of " TUS_CHECKSUM_ALGORITHMS " and its digest in base64.");
		return false;
	}
	return true;
}

// NULL, or what is wrong.
static const char *take_metadata(const struct tus_metadata *metadata, struct upload_request *upload)
{
	struct upload_new *new = &upload->new;
	const char *filename = metadata->filename == NULL ? "file" : metadata->filename;
	filename_clean(filename, strlen(filename), upload->filename);
	new->filename = upload->filename;
	new->content_type = metadata->content_type == NULL ? "application/octet-stream" : metadata->content_type;
	if (metadata->sha256 != NULL) {
		if (!decode_hex(metadata->sha256, strlen(metadata->sha256), upload->sha256, sizeof upload->sha256))
			return "Upload-Metadata: sha256 must be 64 hex digits.";
		new->sha256 = upload->sha256;
	}
	if (metadata->item_id != NULL) {
		if (!uuid_parse(metadata->item_id, &upload->item_id))
			return "Upload-Metadata: item_id must be a UUID.";
		new->item_id = &upload->item_id;
	}
	if (metadata->alt != NULL && strlen(metadata->alt) > LIMIT_ALT_BYTES)
		return "Upload-Metadata: alt is too long.";
	new->alt = metadata->alt;
	for (size_t i = 0; metadata->visibility != NULL && i < sizeof VISIBILITIES / sizeof VISIBILITIES[0]; i++)
		if (strcmp(metadata->visibility, VISIBILITIES[i]) == 0)
			new->visibility = VISIBILITIES[i];
	if (metadata->visibility != NULL && new->visibility == NULL)
		return "Upload-Metadata: visibility must be private, shared or public.";
	return NULL;
}

static bool read_metadata(struct http_request *request, struct creation *creation)
{
	struct tus_metadata metadata;
	struct err err = { 0 };
	const char *text = http_request_header(request, "Upload-Metadata");
	creation->metadata = text == NULL ? "" : text;
	if (strlen(creation->metadata) > CATALOG_TUS_METADATA_BYTES) {
		refuse(request, "invalid-metadata", "Upload-Metadata is too long.");
		return false;
	}
	enum rc rc = tus_read_metadata(text, http_request_arena(request), &metadata, &err);
	if (rc != RC_OK && rc != RC_INVALID) {
		http_respond_rc(request, &err);
		return false;
	}
	const char *wrong = rc == RC_OK ? take_metadata(&metadata, &creation->upload) : err.text;
	if (wrong != NULL)
		refuse(request, "invalid-metadata", wrong);
	return wrong == NULL;
}

// ---- beginning, in tus' pool ----------------------------------------------------------------------------------------

// By the rules for everyone and those of the owner's class. False when a problem was answered.
static bool identify(struct ingest *ingest, struct http_request *request, struct upload_request *upload)
{
	struct upload_new *new = &upload->new;
	const struct class_settings *account_class = upload_policy_class(ingest, request);
	if (account_class == NULL)
		return false;
	const struct upload_refusal refusal = upload_policy_judge(ingest, account_class, new->content_type, new->size);
	if (refusal.status != 0) {
		http_respond_problem(request, refusal.status, refusal.slug, "%s", refusal.detail);
		return false;
	}
	if (new->size > tus_max_bytes(ingest)) {
		http_respond_problem(request, 413, "too-large", "By tus a file may have at most %lld bytes.",
		                     (long long)tus_max_bytes(ingest));
		return false;
	}
	new->owner_id = http_request_principal(request)->user_id;
	upload_request_identify(ingest, account_class, upload);
	new->method = UPLOAD_TUS;
	new->expires_at = clock_now_us() + ingest->live.multipart_seconds * 1000000;
	return true;
}

// The file is there already: what it was uploaded by is whole.
static void answer_duplicate(struct ingest *ingest, struct http_request *request, const struct uuid *media_id)
{
	struct upload_row upload;
	struct db_result *result = NULL;
	struct err err = { 0 };
	const struct catalog_call call = ingest_call_of(request);
	enum rc rc = catalog_upload_find_by_media(&ingest->catalog, &call, media_id, &upload, &result, &err);
	if (rc == RC_OK)
		tus_answer_written(ingest, request, 201,
		                   &(struct tus_state){ .upload_id = upload.id,
		                                        .offset = upload.size,
		                                        .size = upload.size,
		                                        .expires_at = upload.expires_at });
	else
		upload_view_fail(request, &err);
	db_result_free(result);
}

static void answer_begun(struct ingest *ingest, struct http_request *request, const struct upload_new *new)
{
	tus_answer_written(
	        ingest, request, 201,
	        &(struct tus_state){ .upload_id = new->upload_id, .size = new->size, .expires_at = new->expires_at });
}

// The first bytes come with the request, or there are none to come.
static void write_first(struct ingest *ingest, const struct creation *creation, const struct uuid *writer)
{
	const struct upload_new *new = &creation->upload.new;
	struct http_request *request = creation->request;
	const struct tus_row row = { .upload = { .id = new->upload_id,
		                                 .media_id = new->media_id,
		                                 .object_key = new->object_key,
		                                 .size = new->size,
		                                 .content_type = new->content_type,
		                                 .expires_at = new->expires_at },
		                     .part_size = ingest->settings->ingest_tus_part_bytes };
	struct tus_session *session =
	        tus_session_new(ingest, &row, writer, &creation->checksum, http_request_traceparent(request));
	if (session == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for an upload" });
		return;
	}
	session->is_creation = true;
	tus_write(session, request);
}

static void begin(void *argument)
{
	struct creation *creation = argument;
	struct http_request *request = creation->request;
	struct ingest *ingest = ingest_of(request);
	const struct upload_new *new = &creation->upload.new;
	struct upload_begun begun;
	struct err err = { 0 };
	if (ingest_let_go_if_over(request) || !identify(ingest, request, &creation->upload))
		return;
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid writer = uuid_new();
	bool writes = creation->has_body || new->size == 0;
	enum rc rc = catalog_upload_begin(&ingest->catalog, &call, new, &begun, &err);
	if (rc != RC_OK) {
		upload_begun_refuse(request, new, "", &err);
		return;
	}
	upload_begun_count(ingest, &begun);
	if (begun.outcome == UPLOAD_DUPLICATE) {
		answer_duplicate(ingest, request, &begun.media_id);
		return;
	}
	rc = catalog_tus_add(&ingest->catalog, &call, &new->upload_id, creation->metadata,
	                     ingest->settings->ingest_tus_part_bytes, writes ? &writer : NULL, &err);
	if (rc != RC_OK)
		upload_view_fail(request, &err);
	else if (writes)
		write_first(ingest, creation, &writer);
	else
		answer_begun(ingest, request, new);
}

static void handle(struct http_request *request)
{
	struct creation *creation = arena_alloc(http_request_arena(request), sizeof *creation);
	if (creation == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for a request" });
		return;
	}
	creation->request = request;
	if (tus_begin(request) && read_length(request, creation) && read_body_head(request, creation) &&
	    read_metadata(request, creation))
		tus_run(request, begin, creation);
}

const struct route route_tus_create = {
	.method = "POST",
	.path = "/files",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.body_limit = SIZE_MAX,
	.body = ROUTE_STREAMED,
	.handle = handle,
	.summary = "tus: begin an upload, perhaps with its first bytes.",
};
