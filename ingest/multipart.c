// Uploads in parts, between the store and the catalog.
#include "ingest/multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/settings.h"
#include "ingest/ingest.h"
#include "ingest/upload_request.h"
#include "ingest/upload_view.h"
#include "media/part_layout.h"
#include "store/store_presign.h"

static struct store_target target_of(struct ingest *ingest, const struct catalog_call *call,
                                     const struct upload_row *upload)
{
	return (struct store_target){ .bucket = ingest->settings->store_originals_bucket,
		                      .key = upload->object_key,
		                      .timeout_ms = ingest_store_ms(ingest, call->deadline) };
}

static void abort_id(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                     const char *multipart_id)
{
	const struct store_target target = target_of(ingest, call, upload);
	struct err err = { 0 };
	if (store_upload_abort(ingest->store, &target, multipart_id, &err) != RC_OK)
		LOG_FAILURE(LOG_WARNING, "parts_not_aborted", &err);
}

void multipart_abort(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload)
{
	if (upload->multipart_id != NULL)
		abort_id(ingest, call, upload, upload->multipart_id);
}

// ---- beginning ----------------------------------------------------------------------------------------------------

// Somebody else was first: the id that counts.
static enum rc read_winner(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                           char ret_multipart_id[STORE_UPLOAD_ID_SIZE], struct err *err)
{
	struct upload_row now;
	struct db_result *result = NULL;
	enum rc rc = catalog_upload_find(&ingest->catalog, call, NULL, &upload->id, &now, &result, err);
	if (rc != RC_OK)
		return rc;
	if (now.media_state != MEDIA_AWAITING_UPLOAD || now.multipart_id == NULL ||
	    strlen(now.multipart_id) >= STORE_UPLOAD_ID_SIZE)
		rc = err_set(err, RC_CONFLICT, "the upload has ended");
	else
		(void)snprintf(ret_multipart_id, STORE_UPLOAD_ID_SIZE, "%s", now.multipart_id);
	db_result_free(result);
	return rc;
}

enum rc multipart_open(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                       char ret_multipart_id[STORE_UPLOAD_ID_SIZE], struct err *err)
{
	char id[STORE_UPLOAD_ID_SIZE];
	if (upload->multipart_id != NULL && strlen(upload->multipart_id) < STORE_UPLOAD_ID_SIZE) {
		(void)snprintf(ret_multipart_id, STORE_UPLOAD_ID_SIZE, "%s", upload->multipart_id);
		return RC_OK;
	}
	const struct store_target target = target_of(ingest, call, upload);
	const struct store_put_options options = { .content_type = upload->content_type };
	enum rc rc = store_upload_create(ingest->store, &target, &options, id, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "store");
	rc = catalog_upload_set_multipart(&ingest->catalog, call, &upload->id, id, err);
	if (rc == RC_OK) {
		memcpy(ret_multipart_id, id, sizeof id);
		return RC_OK;
	}
	if (rc != RC_CONFLICT)
		return rc; // perhaps it was noted: an id that was not is aborted by the reconciler
	abort_id(ingest, call, upload, id);
	return read_winner(ingest, call, upload, ret_multipart_id, err);
}

// ---- URLs ---------------------------------------------------------------------------------------------------------

static enum rc sign(struct ingest *ingest, const struct upload_row *upload, const char *multipart_id,
                    const struct multipart_part *part, struct store_signed_request *ret_request, struct err *err)
{
	struct part_layout layout;
	if (!part_layout_read(upload->size, upload->part_size, &layout) || part->number < 1 ||
	    part->number > layout.count)
		return err_set(err, RC_INTERNAL, "the upload has no part %u", part->number);
	char length[24], number[16], md5[BASE64_TEXT_SIZE(CONTENT_MD5_BYTES)];
	(void)snprintf(length, sizeof length, "%lld", (long long)part_layout_length(&layout, part->number));
	(void)snprintf(number, sizeof number, "%u", part->number);
	struct store_pair headers[2] = { { "content-length", length } };
	size_t header_count = 1;
	if (part->content_md5 != NULL) {
		encode_base64(part->content_md5, CONTENT_MD5_BYTES, md5);
		headers[header_count++] = (struct store_pair){ "content-md5", md5 };
	}
	const struct store_pair query[] = { { "partNumber", number }, { "uploadId", multipart_id } };
	const struct store_presign presign = { .method = "PUT",
		                               .bucket = ingest->settings->store_originals_bucket,
		                               .key = upload->object_key,
		                               .query = query,
		                               .query_count = 2,
		                               .headers = headers,
		                               .header_count = header_count,
		                               .seconds = upload_view_url_seconds(ingest, upload->expires_at) };
	return store_presign_request(ingest->presigner, &presign, ret_request, err);
}

enum rc multipart_write_url(struct ingest *ingest, struct json_write *json, const struct upload_row *upload,
                            const char *multipart_id, const struct multipart_part *part, struct err *err)
{
	struct store_signed_request signed_request = { 0 };
	enum rc rc = sign(ingest, upload, multipart_id, part, &signed_request, err);
	if (rc != RC_OK)
		return rc;
	json_write_object_begin(json, NULL);
	json_write_int(json, "number", part->number);
	upload_view_write_request(json, &signed_request);
	json_write_object_end(json);
	store_signed_request_done(&signed_request);
	return RC_OK;
}

// ---- assembling ---------------------------------------------------------------------------------------------------

// Parts by their number, [0] unused.
struct parts_by_number {
	const struct store_part *at[STORE_PARTS_MAX + 1];
};

static bool is_same_etag(const char *left, const char *right)
{
	size_t left_length = strlen(left), right_length = strlen(right);
	if (left_length >= 2 && left[0] == '"' && left[left_length - 1] == '"') {
		left++;
		left_length -= 2;
	}
	if (right_length >= 2 && right[0] == '"' && right[right_length - 1] == '"') {
		right++;
		right_length -= 2;
	}
	return left_length == right_length && memcmp(left, right, left_length) == 0;
}

// Choose the parts that were given, each of which must be in the store as it was given.
static struct multipart_assembled choose_given(const struct parts_by_number *listed, const struct store_part *given,
                                               size_t count, struct parts_by_number *chosen)
{
	for (size_t i = 0; i < count; i++) {
		unsigned number = given[i].number;
		const struct store_part *part = number <= STORE_PARTS_MAX ? listed->at[number] : NULL;
		if (part == NULL)
			return (struct multipart_assembled){ MULTIPART_INCOMPLETE, number };
		if (!is_same_etag(part->etag, given[i].etag) || chosen->at[number] != NULL)
			return (struct multipart_assembled){ MULTIPART_MISMATCH, number };
		chosen->at[number] = part;
	}
	return (struct multipart_assembled){ MULTIPART_ASSEMBLED, 0 };
}

// What is to be assembled is all of the upload, in parts of the right length where that is known.
static struct multipart_assembled compare_layout(const struct upload_row *upload, const struct parts_by_number *chosen)
{
	struct part_layout layout = { 0 };
	uint64_t sum = 0;
	bool is_ours = part_layout_read(upload->size, upload->part_size, &layout);
	for (unsigned number = 1; number <= STORE_PARTS_MAX; number++) {
		const struct store_part *part = chosen->at[number];
		bool is_wanted = is_ours && number <= layout.count;
		if (part == NULL && is_wanted)
			return (struct multipart_assembled){ MULTIPART_INCOMPLETE, number };
		if (part != NULL && is_ours &&
		    (!is_wanted || part->size != (uint64_t)part_layout_length(&layout, number)))
			return (struct multipart_assembled){ MULTIPART_MISMATCH, number };
		sum += part == NULL ? 0 : part->size;
	}
	if (sum < (uint64_t)upload->size)
		return (struct multipart_assembled){ MULTIPART_INCOMPLETE, 0 };
	if (sum > (uint64_t)upload->size)
		return (struct multipart_assembled){ MULTIPART_MISMATCH, 0 };
	return (struct multipart_assembled){ MULTIPART_ASSEMBLED, 0 };
}

static void sort_in(struct parts_by_number *by_number, const struct store_part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (parts[i].number <= STORE_PARTS_MAX)
			by_number->at[parts[i].number] = &parts[i];
	}
}

static enum rc compare(const struct upload_row *upload, const struct store_parts *listed,
                       const struct store_part *given, size_t count, struct multipart_assembled *ret_assembled,
                       struct err *err)
{
	struct multipart_assembled found = { MULTIPART_ASSEMBLED, 0 };
	struct parts_by_number *all = calloc(2, sizeof *all);
	if (all == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a list of parts");
	struct parts_by_number *chosen = &all[1];
	sort_in(all, listed->parts, listed->count);
	if (count > 0)
		found = choose_given(all, given, count, chosen);
	else
		chosen = all;
	if (found.outcome == MULTIPART_ASSEMBLED)
		found = compare_layout(upload, chosen);
	free(all);
	*ret_assembled = found;
	return RC_OK;
}

enum rc multipart_assemble(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                           const struct store_part *given, size_t count, struct multipart_assembled *ret_assembled,
                           struct err *err)
{
	struct store_parts listed = { 0 };
	struct multipart_assembled found = { MULTIPART_INCOMPLETE, 1 };
	if (upload->multipart_id == NULL) {
		*ret_assembled = found;
		return RC_OK;
	}
	const struct store_target target = target_of(ingest, call, upload);
	enum rc rc = store_upload_list_parts(ingest->store, &target, upload->multipart_id, &listed, err);
	if (rc == RC_OK)
		rc = compare(upload, &listed, given, count, &found, err);
	if (rc == RC_OK && found.outcome == MULTIPART_ASSEMBLED)
		rc = store_upload_complete(ingest->store, &target, upload->multipart_id,
		                           count > 0 ? given : listed.parts, count > 0 ? count : listed.count, NULL,
		                           err);
	store_parts_done(&listed);
	if (rc == RC_NOT_FOUND) {
		found = (struct multipart_assembled){ MULTIPART_GONE, 0 };
		rc = RC_OK;
	}
	if (rc == RC_INVALID) { // a part was sent again between our look and the store's
		found = (struct multipart_assembled){ MULTIPART_MISMATCH, 0 };
		rc = RC_OK;
	}
	if (rc == RC_OK)
		*ret_assembled = found;
	return rc;
}
