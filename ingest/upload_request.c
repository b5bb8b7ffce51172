// Fields, limits, identity.
#include "ingest/upload_request.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "db/statement.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/upload_policy.h"
#include "media/format.h"
#include "media/part_layout.h"

// Longer than what is kept, so that a long name is cut and a long type is answered 415, not 422.
#define FILENAME_SENT_BYTES 4096
#define CONTENT_TYPE_SENT_BYTES 1024

static const char *const VISIBILITIES[] = { "private", "shared", "public", NULL };

static void read_md5(struct body *body, struct upload_request *upload)
{
	size_t length = 0;
	const char *text = body_text(body, "content_md5", BODY_NULLABLE, 1, BASE64_TEXT_SIZE(CONTENT_MD5_BYTES));
	if (text == NULL)
		return;
	if (!decode_base64(text, strlen(text), upload->content_md5, CONTENT_MD5_BYTES, &length) ||
	    length != CONTENT_MD5_BYTES) {
		body_error(body, "content_md5", "must be the 16 bytes of the file's MD5 in base64");
		return;
	}
	upload->new.content_md5 = upload->content_md5;
}

static void read_optional(struct body *body, struct upload_request *upload)
{
	if (body_hex(body, "sha256", BODY_NULLABLE, upload->sha256, sizeof upload->sha256))
		upload->new.sha256 = upload->sha256;
	read_md5(body, upload);
	if (body_uuid(body, "item_id", BODY_NULLABLE, &upload->item_id))
		upload->new.item_id = &upload->item_id;
	upload->new.alt = body_text(body, "alt", BODY_NULLABLE, 0, LIMIT_ALT_BYTES);
	if (!body_time(body, "captured_at", BODY_NULLABLE, &upload->new.captured_at))
		upload->new.captured_at = DB_NO_TIME;
	int visibility = body_choice(body, "visibility", BODY_NULLABLE, VISIBILITIES, -1);
	upload->new.visibility = visibility < 0 ? NULL : VISIBILITIES[visibility];
}

// One upload's object.
static void read_fields(const struct ingest *ingest, struct body *body, struct upload_request *upload)
{
	struct part_layout layout;
	const char *filename = body_text(body, "filename", BODY_REQUIRED, 1, FILENAME_SENT_BYTES);
	upload->new.content_type = body_text(body, "content_type", BODY_REQUIRED, 1, CONTENT_TYPE_SENT_BYTES);
	upload->new.size = body_int(body, "size", BODY_REQUIRED, 0, INT64_MAX, 0);
	read_optional(body, upload);
	bool in_parts = body_bool(body, "multipart", BODY_NULLABLE, false);
	if (filename == NULL)
		return;
	filename_clean(filename, strlen(filename), upload->filename);
	upload->new.filename = upload->filename;
	// (What is too long for any layout is too long for every limit too.)
	if ((in_parts || upload->new.size > ingest->live.multipart_bytes) &&
	    part_layout_choose(upload->new.size, ingest->live.part_bytes, &layout))
		upload->new.part_size = layout.part_size;
}

// ---- Idempotency-Key ----------------------------------------------------------------------------------------------

// what: method and path, so that a key counts for one kind of call.
static bool read_idempotency(struct http_request *request, const char *what, struct upload_request *upload)
{
	if (!http_idempotency_key(request, upload->idempotency_key))
		return false;
	if (upload->idempotency_key[0] == '\0')
		return true;
	size_t length = 0;
	const char *body = http_request_body(request, &length);
	struct digest_stream *stream = digest_stream_new(DIGEST_SHA256);
	if (stream == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for a fingerprint" });
		return false;
	}
	digest_stream_update(stream, what, strlen(what));
	digest_stream_update(stream, body, length);
	digest_stream_finish(stream, upload->fingerprint);
	digest_stream_free(stream);
	upload->new.idempotency_key = upload->idempotency_key;
	upload->new.idempotency_fingerprint = upload->fingerprint;
	return true;
}

// ---- what is ours to say ------------------------------------------------------------------------------------------

void upload_request_identify(const struct ingest *ingest, const struct class_settings *account_class,
                             struct upload_request *upload)
{
	struct upload_new *new = &upload->new;
	uint8_t random[OBJECT_KEY_RANDOM_BYTES];
	int64_t now = clock_now_us();
	bool in_parts = new->part_size != 0;
	new->upload_id = uuid_new();
	new->media_id = uuid_new();
	random_fill(random, sizeof random);
	object_key_format_original(&new->media_id, random, upload->object_key);
	new->object_key = upload->object_key;
	new->kind = media_format_info(media_format_by_content_type(new->content_type))->kind;
	new->method = in_parts ? UPLOAD_MULTIPART : UPLOAD_PUT;
	new->expires_at = now + (in_parts ? ingest->live.multipart_seconds : ingest->live.presign_seconds) * 1000000;
	new->check_after = now + ingest->live.overdue_ms * 1000;
	new->quota = upload_policy_quota(account_class);
}

bool upload_request_read(struct ingest *ingest, struct http_request *request, struct upload_request *ret_request)
{
	*ret_request = (struct upload_request){ 0 };
	struct body *body = body_open(request);
	if (body == NULL)
		return false;
	read_fields(ingest, body, ret_request);
	if (!body_finish(body))
		return false;
	const struct class_settings *account_class = upload_policy_class(ingest, request);
	if (account_class == NULL)
		return false;
	const struct upload_refusal refusal =
	        upload_policy_judge(ingest, account_class, ret_request->new.content_type, ret_request->new.size);
	if (refusal.status != 0) {
		http_respond_problem(request, refusal.status, refusal.slug, "%s", refusal.detail);
		return false;
	}
	if (!read_idempotency(request, "POST /v1/uploads\n", ret_request))
		return false;
	ret_request->new.owner_id = http_request_principal(request)->user_id;
	upload_request_identify(ingest, account_class, ret_request);
	return true;
}

// ---- many at once -------------------------------------------------------------------------------------------------

// False when one of them was refused, and the problem says which.
static bool judge_all(const struct ingest *ingest, struct http_request *request,
                      const struct class_settings *account_class, const struct upload_request *uploads, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char pointer[64];
		const struct upload_new *new = &uploads[i].new;
		const struct upload_refusal refusal =
		        upload_policy_judge(ingest, account_class, new->content_type, new->size);
		if (refusal.status == 0)
			continue;
		(void)snprintf(pointer, sizeof pointer, "/uploads/%zu/%s", i, refusal.field);
		const struct http_field_error error = { pointer, refusal.detail };
		http_respond_problem_fields(request, refusal.status, refusal.slug,
		                            "One of the uploads is not allowed. None was begun.", &error, 1);
		return false;
	}
	return true;
}

// Each upload has a key of its own, made of the request's, so that a repeated batch finds each of its uploads. (A
// fingerprint of the key: with its place it must not become too long.)
static bool spread_idempotency(struct http_request *request, struct upload_request *uploads, size_t count)
{
	if (!read_idempotency(request, "POST /v1/uploads/batch\n", &uploads[0]))
		return false;
	if (uploads[0].new.idempotency_key == NULL)
		return true;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_TEXT_SIZE];
	sha256_of(uploads[0].idempotency_key, strlen(uploads[0].idempotency_key), digest);
	encode_hex(digest, sizeof digest, hex);
	for (size_t i = 0; i < count; i++) {
		struct upload_request *upload = &uploads[i];
		memcpy(upload->fingerprint, uploads[0].fingerprint, sizeof upload->fingerprint);
		(void)snprintf(upload->idempotency_key, sizeof upload->idempotency_key, "%s/%zu", hex, i);
		upload->new.idempotency_key = upload->idempotency_key;
		upload->new.idempotency_fingerprint = upload->fingerprint;
		upload->new.idempotency_scope = "upload_batch";
	}
	return true;
}

size_t upload_request_read_batch(struct ingest *ingest, struct http_request *request,
                                 struct upload_request **ret_requests)
{
	struct body *body = body_open(request);
	if (body == NULL)
		return 0;
	size_t count = body_array(body, "uploads", BODY_REQUIRED, 1, UPLOAD_BATCH_MAX);
	struct upload_request *uploads = arena_alloc(http_request_arena(request), (count + 1) * sizeof *uploads);
	for (size_t i = 0; uploads != NULL && i < count; i++) {
		struct body *one = body_array_object(body, "uploads", i);
		if (one != NULL)
			read_fields(ingest, one, &uploads[i]);
	}
	if (!body_finish(body))
		return 0;
	if (uploads == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for a batch" });
		return 0;
	}
	const struct class_settings *account_class = upload_policy_class(ingest, request);
	if (account_class == NULL || !judge_all(ingest, request, account_class, uploads, count) ||
	    !spread_idempotency(request, uploads, count))
		return 0;
	for (size_t i = 0; i < count; i++) {
		uploads[i].new.owner_id = http_request_principal(request)->user_id;
		upload_request_identify(ingest, account_class, &uploads[i]);
	}
	*ret_requests = uploads;
	return count;
}
