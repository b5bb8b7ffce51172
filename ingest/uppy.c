// Shared by Uppy's calls.
#include "ingest/uppy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/tus_protocol.h"
#include "ingest/upload_begun.h"
#include "ingest/upload_policy.h"
#include "ingest/upload_view.h"
#include "store/store_multipart.h"

#define ANSWER_BYTES 4096
#define ERROR_BYTES 512

void uppy_refuse(struct http_request *request, unsigned status, const char *format, ...)
{
	char text[ERROR_BYTES] = "s3: ";
	struct buffer out;
	struct json_write json;
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text + 4, sizeof text - 4, format, arguments);
	va_end(arguments);
	buffer_init(&out, ANSWER_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "error", text);
	json_write_object_end(&json);
	http_respond_json(request, status, &out);
}

unsigned uppy_part_number(const char *text)
{
	int64_t number = 0;
	return tus_read_number(text, &number) && number <= STORE_PARTS_MAX ? (unsigned)number : 0;
}

int64_t uppy_seconds(struct ingest *ingest, const struct upload_row *upload)
{
	return upload_view_url_seconds(ingest, upload->expires_at);
}

static bool read_file(struct http_request *request, const struct uppy_file *file, struct upload_request *upload)
{
	struct upload_new *new = &upload->new;
	if (file->filename == NULL || file->filename[0] == '\0') {
		uppy_refuse(request, 400, "filename must be a non-empty string");
		return false;
	}
	if (!tus_read_number(file->size, &new->size)) {
		uppy_refuse(request, 400,
		            "the metadata must say the file's size in bytes: "
		            "uppy.setFileMeta(file.id, { size: file.size })");
		return false;
	}
	filename_clean(file->filename, strlen(file->filename), upload->filename);
	new->filename = upload->filename;
	new->content_type = file->content_type == NULL || file->content_type[0] == '\0' ? "application/octet-stream"
	                                                                                : file->content_type;
	return true;
}

bool uppy_begin(struct http_request *request, const struct uppy_file *file, enum upload_method method,
                struct upload_request *ret_upload)
{
	struct ingest *ingest = ingest_of(request);
	struct upload_new *new = &ret_upload->new;
	struct upload_begun begun;
	struct err err = { 0 };
	*ret_upload = (struct upload_request){ 0 };
	if (!read_file(request, file, ret_upload))
		return false;
	const struct class_settings *account_class = upload_policy_class(ingest, request);
	if (account_class == NULL)
		return false;
	const struct upload_refusal refusal = upload_policy_judge(ingest, account_class, new->content_type, new->size);
	if (refusal.status != 0) {
		uppy_refuse(request, refusal.status, "%s", refusal.detail);
		return false;
	}
	new->owner_id = http_request_principal(request)->user_id;
	upload_request_identify(ingest, account_class, ret_upload);
	new->method = method;
	if (method == UPLOAD_MULTIPART)
		new->expires_at = clock_now_us() + ingest->live.multipart_seconds * 1000000;
	const struct catalog_call call = ingest_call_of(request);
	if (catalog_upload_begin(&ingest->catalog, &call, new, &begun, &err) != RC_OK) {
		upload_begun_refuse(request, new, "", &err);
		return false;
	}
	upload_begun_count(ingest, &begun);
	return true;
}

bool uppy_find(struct http_request *request, const char *key, struct upload_row *ret_upload,
               struct db_result **ret_result)
{
	struct ingest *ingest = ingest_of(request);
	struct uuid media_id;
	struct err err = { 0 };
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid *caller = &http_request_principal(request)->user_id;
	if (key == NULL)
		key = http_request_query(request, "key");
	if (key == NULL) {
		uppy_refuse(request, 400,
		            "the object key must be passed as a query parameter. For example: \"?key=abc.jpg\"");
		return false;
	}
	struct db_result *result = NULL;
	enum rc rc =
	        object_key_parse_original(key, strlen(key), &media_id, NULL)
	                ? catalog_upload_find_by_media(&ingest->catalog, &call, &media_id, ret_upload, &result, &err)
	                : err_set(&err, RC_NOT_FOUND, "no key of ours");
	if (rc == RC_OK &&
	    (strcmp(ret_upload->object_key, key) != 0 || memcmp(&ret_upload->owner_id, caller, sizeof *caller) != 0)) {
		db_result_free(result);
		rc = err_set(&err, RC_NOT_FOUND, "not the caller's");
	}
	if (rc == RC_OK) {
		*ret_result = result;
		return true;
	}
	if (rc == RC_NOT_FOUND)
		uppy_refuse(request, 404, "there is no such upload");
	else
		upload_view_fail(request, &err);
	return false;
}
