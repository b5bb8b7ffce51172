// Bytes from memory into the store and the catalog.
#include "ingest/tus_session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/settings.h"
#include "ingest/ingest.h"
#include "ingest/multipart.h"
#include "ingest/settle.h"
#include "ingest/tus.h"
#include "ingest/tus_memory.h"

// A piece of a body may begin before a part's end and end behind it.
#define PIECE_BYTES INGEST_CONNECTION_BYTES

struct tus_session *tus_session_new(struct ingest *ingest, const struct tus_row *row, const struct uuid *writer,
                                    const struct tus_checksum *checksum, const char *traceparent)
{
	struct tus_session *session = calloc(1, sizeof *session);
	const char *multipart_id = row->upload.multipart_id, *tail_key = row->tail_key;
	if (session == NULL)
		return NULL;
	session->ingest = ingest;
	session->upload_id = row->upload.id;
	session->media_id = row->upload.media_id;
	session->writer = *writer;
	session->size = row->upload.size;
	session->part_size = row->part_size;
	session->expires_at = row->upload.expires_at;
	session->stored = row->stored;
	session->committed = row->stored;
	session->tail_size = row->tail_size;
	session->checksum = *checksum;
	(void)snprintf(session->object_key, sizeof session->object_key, "%s", row->upload.object_key);
	(void)snprintf(session->multipart_id, sizeof session->multipart_id, "%s",
	               multipart_id == NULL ? "" : multipart_id);
	(void)snprintf(session->tail_key, sizeof session->tail_key, "%s", tail_key == NULL ? "" : tail_key);
	(void)snprintf(session->content_type, sizeof session->content_type, "%s", row->upload.content_type);
	(void)snprintf(session->traceparent, sizeof session->traceparent, "%s", traceparent);
	if (checksum->length > 0)
		session->digest = digest_stream_new(checksum->kind);
	if (checksum->length > 0 && session->digest == NULL) {
		tus_session_free(session);
		return NULL;
	}
	return session;
}

void tus_session_free(struct tus_session *session)
{
	if (session == NULL)
		return;
	tus_memory_give(tus_memory_of(session->ingest->tus), &session->data);
	digest_stream_free(session->digest);
	free(session->etags);
	free(session);
}

static struct store_target target_of(const struct tus_session *session, const char *key,
                                     const struct catalog_call *call)
{
	return (struct store_target){ .bucket = session->ingest->settings->store_originals_bucket,
		                      .key = key,
		                      .timeout_ms = ingest_store_ms(session->ingest, call->deadline) };
}

enum rc tus_session_load(struct tus_session *session, int64_t expected, const struct catalog_call *call,
                         struct err *err)
{
	int64_t most = session->size - session->stored;
	if (most > session->part_size)
		most = session->part_size;
	if (expected >= 0 && expected < most - session->tail_size)
		most = session->tail_size + expected;
	enum rc rc =
	        tus_memory_take(tus_memory_of(session->ingest->tus), (size_t)most + PIECE_BYTES, &session->data, err);
	if (rc == RC_OK && session->tail_size > 0) {
		const struct store_target target = target_of(session, session->tail_key, call);
		rc = store_get(session->ingest->store, &target, NULL, &session->data, NULL, err);
		if (rc != RC_OK)
			return err_prefix(err, rc, "tail");
		if ((int64_t)session->data.length != session->tail_size)
			return err_set(err, RC_CORRUPT, "the tail has another length than it should");
	}
	return rc;
}

int64_t tus_session_offset(const struct tus_session *session)
{
	return session->stored + (int64_t)session->data.length;
}

bool tus_session_take(struct tus_session *session, const void *data, size_t size)
{
	if ((int64_t)size > session->size - tus_session_offset(session))
		return false;
	if (session->digest != NULL)
		digest_stream_update(session->digest, data, size);
	buffer_append(&session->data, data, size);
	return buffer_ok(&session->data);
}

bool tus_session_is_full(const struct tus_session *session)
{
	return (int64_t)session->data.length >= session->part_size && tus_session_offset(session) < session->size;
}

// ---- the store ------------------------------------------------------------------------------------------------------

static enum rc open_multipart(struct tus_session *session, const struct catalog_call *call, struct err *err)
{
	const struct upload_row upload = { .id = session->upload_id,
		                           .object_key = session->object_key,
		                           .content_type = session->content_type };
	if (session->multipart_id[0] != '\0')
		return RC_OK;
	return multipart_open(session->ingest, call, &upload, session->multipart_id, err);
}

static bool make_room_for_etag(struct tus_session *session)
{
	if (session->etag_count < session->etag_room)
		return true;
	size_t room = session->etag_room * 2 + 4;
	char(*longer)[STORE_ETAG_SIZE] = realloc(session->etags, room * sizeof *longer);
	if (longer == NULL)
		return false;
	session->etags = longer;
	session->etag_room = room;
	return true;
}

// All parts are of one length, so a part that was stored and did not count is stored again under its number: Ceph wants
// a completed upload to name every part that it has. One that a writer was slow to store after it had lost its lease is
// harmless, for the same bytes have the same ETag; others would make the completion fail.
static unsigned number_of(const struct tus_session *session, int64_t offset)
{
	return (unsigned)(offset / session->part_size) + 1;
}

// The first length bytes of the memory become the next part.
static enum rc put_part(struct tus_session *session, size_t length, const struct catalog_call *call, struct err *err)
{
	const struct store_target target = target_of(session, session->object_key, call);
	const struct store_body body = { .data = buffer_text(&session->data), .length = length, .is_unsigned = true };
	enum rc rc = make_room_for_etag(session) ? open_multipart(session, call, err)
	                                         : err_set(err, RC_NO_MEMORY, "no memory for a part's ETag");
	if (rc == RC_OK)
		rc = store_upload_put_part(session->ingest->store, &target, session->multipart_id,
		                           number_of(session, session->stored), &body, NULL,
		                           session->etags[session->etag_count], err);
	if (rc != RC_OK)
		return rc;
	session->etag_count++;
	session->stored += (int64_t)length;
	session->data.length -= length;
	memmove(session->data.data, session->data.data + length, session->data.length);
	return RC_OK;
}

static enum rc put_object(struct tus_session *session, const char *key, const char *content_type,
                          const struct catalog_call *call, struct err *err)
{
	const struct store_target target = target_of(session, key, call);
	const struct store_body body = { .data = buffer_text(&session->data),
		                         .length = session->data.length,
		                         .is_unsigned = true };
	const struct store_put_options options = { .content_type = content_type, .idempotent = true };
	return store_put(session->ingest->store, &target, &body, &options, NULL, err);
}

// ---- the catalog ----------------------------------------------------------------------------------------------------

static enum rc tell(struct tus_session *session, struct tus_commit *what, const struct catalog_call *call,
                    struct err *err)
{
	what->upload_id = session->upload_id;
	what->media_id = session->media_id;
	what->writer = session->writer;
	enum rc rc = catalog_tus_commit(&session->ingest->catalog, call, what, err);
	// Told twice it means the same, unless it gave the lease up: then the second time is a conflict.
	if (rc == RC_UNKNOWN && !what->releases)
		rc = catalog_tus_commit(&session->ingest->catalog, call, what, err);
	return rc;
}

// All that is stored counts from now on; behind it lies the tail (NULL: none).
static enum rc commit(struct tus_session *session, const char *tail_key, bool releases, const struct catalog_call *call,
                      struct err *err)
{
	struct tus_part *parts = calloc(session->etag_count + 1, sizeof *parts);
	if (parts == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a commit");
	for (size_t i = 0; i < session->etag_count; i++)
		parts[i] = (struct tus_part){ number_of(session, session->committed) + (unsigned)i, session->etags[i] };
	bool keeps_tail = tail_key != NULL && strcmp(tail_key, session->tail_key) == 0;
	struct tus_commit what = {
		.stored = session->stored,
		.tail_key = tail_key,
		.tail_size = tail_key == NULL ? 0 : (int64_t)session->data.length,
		.old_tail_key = session->tail_key[0] == '\0' || keeps_tail ? NULL : session->tail_key,
		.parts = parts,
		.part_count = session->etag_count,
		.releases = releases,
	};
	enum rc rc = tell(session, &what, call, err);
	free(parts);
	if (rc != RC_OK)
		return rc;
	session->etag_count = 0;
	session->committed = session->stored;
	session->tail_size = what.tail_size;
	if (!keeps_tail)
		(void)snprintf(session->tail_key, sizeof session->tail_key, "%s", tail_key == NULL ? "" : tail_key);
	return RC_OK;
}

enum rc tus_session_flush(struct tus_session *session, const struct catalog_call *call, struct err *err)
{
	enum rc rc = put_part(session, (size_t)session->part_size, call, err);
	if (rc != RC_OK || session->digest != NULL)
		return rc;
	// What lies behind the part in memory is a few bytes: they come again if this process dies now.
	return commit(session, NULL, false, call, err);
}

bool tus_session_check(struct tus_session *session)
{
	uint8_t digest[SHA256_SIZE];
	if (session->digest == NULL)
		return true;
	digest_stream_finish(session->digest, digest);
	return crypto_equal(digest, session->checksum.digest, session->checksum.length);
}

// ---- the end --------------------------------------------------------------------------------------------------------

// The upload is whole and noted to be: hand it on. Failures are the reconciler's to mend.
static void settle(struct tus_session *session, const struct catalog_call *call)
{
	struct upload_row upload;
	struct db_result *result = NULL;
	struct settled settled;
	struct err err = { 0 };
	enum rc rc =
	        catalog_upload_find(&session->ingest->catalog, call, NULL, &session->upload_id, &upload, &result, &err);
	if (rc == RC_OK)
		rc = settle_upload(session->ingest, call, &upload, SETTLE_BY_CLIENT, &settled, &err);
	db_result_free(result);
	if (rc != RC_OK)
		LOG_FAILURE(LOG_WARNING, "tus_not_settled", &err);
}

static bool has_been_settled(struct tus_session *session, const struct catalog_call *call)
{
	struct upload_row upload;
	struct db_result *result = NULL;
	enum rc rc =
	        catalog_upload_find(&session->ingest->catalog, call, NULL, &session->upload_id, &upload, &result, NULL);
	bool is_settled = rc == RC_OK && upload.media_state != MEDIA_AWAITING_UPLOAD &&
	                  upload.media_state != MEDIA_EXPIRED && upload.media_state != MEDIA_DELETED;
	db_result_free(result);
	return is_settled;
}

static enum rc save_whole(struct tus_session *session, const struct catalog_call *call, struct err *err)
{
	enum rc rc = RC_OK;
	if (session->stored == 0) {
		rc = put_object(session, session->object_key, session->content_type, call, err);
		if (rc == RC_OK) {
			session->stored = session->size;
			buffer_clear(&session->data);
		}
	}
	while (rc == RC_OK && session->data.length > 0) {
		size_t length = session->data.length, part = (size_t)session->part_size;
		rc = put_part(session, length > part ? part : length, call, err);
	}
	if (rc == RC_OK)
		rc = commit(session, NULL, true, call, err);
	if (rc == RC_OK)
		settle(session, call);
	if (rc != RC_CONFLICT || !has_been_settled(session, call))
		return rc;
	// The store's event was faster than our commit.
	session->committed = session->size;
	session->tail_size = 0;
	return RC_OK;
}

static enum rc save_tail(struct tus_session *session, const struct catalog_call *call, struct err *err)
{
	char key[OBJECT_KEY_SIZE];
	uint8_t random[OBJECT_KEY_RANDOM_BYTES];
	enum rc rc = RC_OK;
	// A part filled up just when the client left.
	while (rc == RC_OK && (int64_t)session->data.length >= session->part_size)
		rc = put_part(session, (size_t)session->part_size, call, err);
	if (rc != RC_OK)
		return rc;
	if (session->data.length == 0)
		return commit(session, NULL, true, call, err);
	if (session->tail_size == (int64_t)session->data.length && session->etag_count == 0)
		return commit(session, session->tail_key, true, call, err);
	random_fill(random, sizeof random);
	object_key_format_original(&session->media_id, random, key);
	rc = put_object(session, key, NULL, call, err);
	return rc == RC_OK ? commit(session, key, true, call, err) : rc;
}

enum rc tus_session_save(struct tus_session *session, const struct catalog_call *call, struct err *err)
{
	return tus_session_offset(session) == session->size ? save_whole(session, call, err)
	                                                    : save_tail(session, call, err);
}

void tus_session_drop(struct tus_session *session, const struct catalog_call *call)
{
	struct tus_commit what = { .stored = session->committed,
		                   .tail_key = session->tail_size == 0 ? NULL : session->tail_key,
		                   .tail_size = session->tail_size,
		                   .releases = true };
	struct err err = { 0 };
	enum rc rc = tell(session, &what, call, &err);
	if (rc != RC_OK && rc != RC_CONFLICT)
		LOG_FAILURE(LOG_WARNING, "tus_lease_kept", &err);
}
