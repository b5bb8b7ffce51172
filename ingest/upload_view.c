// Presigning and writing answers.
#include "ingest/upload_view.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "catalog/media.h"
#include "catalog/media_json.h"
#include "catalog/upload.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/upload_request.h"
#include "media/part_layout.h"
#include "store/store_presign.h"

#define ANSWER_BYTES (64 * 1024)
#define SIGNED_HEADERS_MAX 4

struct upload_view upload_view_of(const struct upload_row *upload)
{
	return (struct upload_view){
		.upload_id = upload->id,
		.media_id = upload->media_id,
		.state = upload->media_state,
		.method = upload->method,
		.object_key = upload->object_key,
		.content_type = upload->content_type,
		.size = upload->size,
		.part_size = upload->part_size,
		.content_md5 = upload->content_md5,
		.expires_at = upload->expires_at,
	};
}

struct upload_view upload_view_of_new(const struct upload_new *upload)
{
	return (struct upload_view){
		.upload_id = upload->upload_id,
		.media_id = upload->media_id,
		.state = MEDIA_AWAITING_UPLOAD,
		.method = upload->method,
		.object_key = upload->object_key,
		.content_type = upload->content_type,
		.size = upload->size,
		.part_size = upload->part_size,
		.content_md5 = upload->content_md5,
		.expires_at = upload->expires_at,
	};
}

void upload_view_fail(struct http_request *request, const struct err *err)
{
	if (err->rc == RC_NOT_FOUND) {
		http_respond_problem(request, 404, "not-found", "There is no such upload or media.");
		return;
	}
	// A lost answer of the database: every call here may be repeated, so the client may repeat it too.
	bool may_pass = rc_is_transient(err->rc) || err->rc == RC_UNKNOWN;
	struct err shown = *err;
	shown.rc = may_pass ? RC_UNAVAILABLE : RC_INTERNAL;
	http_respond_rc(request, &shown);
}

int64_t upload_view_end_seconds(const struct ingest *ingest, int64_t expires_at)
{
	return expires_at / 1000000 + ingest->live.expiry_grace_seconds;
}

int64_t upload_view_url_seconds(const struct ingest *ingest, int64_t expires_at)
{
	int64_t left = upload_view_end_seconds(ingest, expires_at) - clock_now_us() / 1000000;
	int64_t seconds = ingest->live.presign_seconds;
	seconds = left < seconds ? left : seconds;
	return seconds < 1 ? 1 : seconds;
}

static enum rc presign(struct ingest *ingest, const struct upload_view *view, struct store_signed_request *ret_request,
                       struct err *err)
{
	struct store_pair headers[SIGNED_HEADERS_MAX];
	size_t count = 0;
	char length[24], md5[BASE64_TEXT_SIZE(CONTENT_MD5_BYTES)];
	(void)snprintf(length, sizeof length, "%lld", (long long)view->size);
	headers[count++] = (struct store_pair){ "content-length", length };
	headers[count++] = (struct store_pair){ "content-type", view->content_type };
	if (view->content_md5 != NULL) {
		encode_base64(view->content_md5, CONTENT_MD5_BYTES, md5);
		headers[count++] = (struct store_pair){ "content-md5", md5 };
	}
	if (ingest->put_if_absent)
		headers[count++] = (struct store_pair){ "if-none-match", "*" };
	const struct store_presign presign = { .method = "PUT",
		                               .bucket = ingest->settings->store_originals_bucket,
		                               .key = view->object_key,
		                               .headers = headers,
		                               .header_count = count,
		                               .seconds = upload_view_url_seconds(ingest, view->expires_at) };
	return store_presign_request(ingest->presigner, &presign, ret_request, err);
}

static void write_uuid(struct json_write *json, const char *name, const struct uuid *id)
{
	char text[UUID_TEXT_SIZE];
	uuid_format(id, text);
	json_write_text(json, name, text);
}

void upload_view_write_ids(struct json_write *json, const struct uuid *upload_id, const struct uuid *media_id,
                           enum media_state state)
{
	write_uuid(json, "upload_id", upload_id);
	write_uuid(json, "media_id", media_id);
	json_write_text(json, "state", media_state_name(state));
}

void upload_view_write_request(struct json_write *json, const struct store_signed_request *signed_request)
{
	json_write_text(json, "method", "PUT");
	json_write_text(json, "url", signed_request->url);
	json_write_object_begin(json, "headers");
	for (size_t i = 0; i < signed_request->header_count; i++)
		json_write_text(json, signed_request->headers[i].name, signed_request->headers[i].value);
	json_write_object_end(json);
	json_write_time(json, "expires_at", signed_request->expires_us);
}

static void write_end(struct ingest *ingest, struct json_write *json, const struct upload_view *view)
{
	json_write_time(json, "expires_at", upload_view_end_seconds(ingest, view->expires_at) * 1000000);
}

static void write_parts(struct ingest *ingest, struct json_write *json, const struct upload_view *view)
{
	struct part_layout layout = { 0 };
	(void)part_layout_read(view->size, view->part_size, &layout);
	write_end(ingest, json, view);
	json_write_object_begin(json, "multipart");
	json_write_int(json, "part_size", layout.part_size);
	json_write_int(json, "parts", layout.count);
	json_write_array_begin(json, "urls");
	json_write_array_end(json);
	json_write_object_end(json);
}

// No URL of the store's: what was put there beside us would take the place of what a client is sending here.
static void write_tus(struct ingest *ingest, struct json_write *json, const struct upload_view *view)
{
	char path[UUID_TEXT_SIZE + 8] = "/files/";
	uuid_format(&view->upload_id, path + strlen(path));
	write_end(ingest, json, view);
	json_write_object_begin(json, "tus");
	json_write_text(json, "path", path);
	json_write_object_end(json);
}

static enum rc write_put(struct ingest *ingest, struct json_write *json, const struct upload_view *view,
                         struct err *err)
{
	struct store_signed_request signed_request = { 0 };
	enum rc rc = presign(ingest, view, &signed_request, err);
	if (rc != RC_OK)
		return rc;
	upload_view_write_request(json, &signed_request);
	store_signed_request_done(&signed_request);
	return RC_OK;
}

enum rc upload_view_write(struct ingest *ingest, struct json_write *json, const struct upload_view *view,
                          struct err *err)
{
	upload_view_write_ids(json, &view->upload_id, &view->media_id, view->state);
	if (view->state != MEDIA_AWAITING_UPLOAD)
		return RC_OK;
	if (view->method == UPLOAD_TUS)
		write_tus(ingest, json, view);
	else if (view->part_size != 0)
		write_parts(ingest, json, view);
	else if (view->method == UPLOAD_MULTIPART)
		write_end(ingest, json, view); // by Uppy, whose calls name each part
	else
		return write_put(ingest, json, view, err);
	return RC_OK;
}

enum rc upload_view_write_media(struct ingest *ingest, struct http_request *request, struct json_write *json,
                                const struct uuid *media_id, struct err *err)
{
	struct media_row media;
	struct db_result *result = NULL;
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid *owner_id = &http_request_principal(request)->user_id;
	enum rc rc = catalog_media_find(&ingest->catalog, &call, owner_id, media_id, &media, &result, err);
	if (rc != RC_OK)
		return rc;
	json_write_object_begin(json, "media");
	catalog_media_write(json, &media);
	json_write_object_end(json);
	db_result_free(result);
	return RC_OK;
}

void upload_view_answer(struct ingest *ingest, struct http_request *request, unsigned status,
                        const struct upload_view *view)
{
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	buffer_init(&out, ANSWER_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	enum rc rc = upload_view_write(ingest, &json, view, &err);
	if (rc == RC_OK) {
		json_write_object_end(&json);
		http_respond_json(request, status, &out);
	} else {
		upload_view_fail(request, &err);
	}
	buffer_done(&out);
}

void upload_view_answer_media(struct ingest *ingest, struct http_request *request, unsigned status,
                              const struct uuid *media_id)
{
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	buffer_init(&out, ANSWER_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	enum rc rc = upload_view_write_media(ingest, request, &json, media_id, &err);
	if (rc == RC_OK) {
		json_write_object_end(&json);
		http_respond_json(request, status, &out);
	} else {
		upload_view_fail(request, &err);
	}
	buffer_done(&out);
}
