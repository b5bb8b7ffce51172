// Looking up, listing, writing.
#include "ingest/multipart_view.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/multipart.h"
#include "ingest/settle.h"
#include "ingest/upload_view.h"
#include "media/part_layout.h"

// What a settler is to answer; in the request's arena.
struct multipart_answer {
	struct http_request *request;
	struct uuid upload_id;
	unsigned status;
	bool lists_stored;
};

static void write_stored(struct json_write *json, const struct store_parts *stored)
{
	json_write_array_begin(json, "stored");
	for (size_t i = 0; i < stored->count; i++) {
		json_write_object_begin(json, NULL);
		json_write_int(json, "number", stored->parts[i].number);
		json_write_int(json, "size", (int64_t)stored->parts[i].size);
		json_write_text(json, "etag", stored->parts[i].etag);
		json_write_object_end(json);
	}
	json_write_array_end(json);
}

// URLs of the first parts that are not stored (by rising number, as stored is).
static enum rc write_urls(struct ingest *ingest, struct json_write *json, const struct upload_row *upload,
                          const char *multipart_id, const struct part_layout *layout, const struct store_parts *stored,
                          struct err *err)
{
	enum rc rc = RC_OK;
	unsigned urls = 0;
	size_t next = 0;
	json_write_array_begin(json, "urls");
	for (unsigned number = 1; number <= layout->count && urls < MULTIPART_URLS_FIRST && rc == RC_OK; number++) {
		const struct multipart_part part = { .number = number };
		while (next < stored->count && stored->parts[next].number < number)
			next++;
		if (next < stored->count && stored->parts[next].number == number)
			continue;
		rc = multipart_write_url(ingest, json, upload, multipart_id, &part, err);
		urls++;
	}
	json_write_array_end(json);
	return rc;
}

static void answer_open(struct ingest *ingest, const struct multipart_answer *answer, const struct upload_row *upload,
                        const char *multipart_id, const struct store_parts *stored)
{
	struct part_layout layout = { 0 };
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	(void)part_layout_read(upload->size, upload->part_size, &layout);
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	upload_view_write_ids(&json, &upload->id, &upload->media_id, upload->media_state);
	json_write_time(&json, "expires_at", upload_view_end_seconds(ingest, upload->expires_at) * 1000000);
	json_write_object_begin(&json, "multipart");
	json_write_int(&json, "part_size", layout.part_size);
	json_write_int(&json, "parts", layout.count);
	if (answer->lists_stored)
		write_stored(&json, stored);
	enum rc rc = write_urls(ingest, &json, upload, multipart_id, &layout, stored, &err);
	json_write_object_end(&json);
	json_write_object_end(&json);
	if (rc == RC_OK)
		http_respond_json(answer->request, answer->status, &out);
	else
		upload_view_fail(answer->request, &err);
	buffer_done(&out);
}

// The store knows the upload no more: it was assembled and nobody told us, or its parts are lost.
static void answer_gone(struct ingest *ingest, const struct multipart_answer *answer, const struct catalog_call *call,
                        const struct upload_row *upload)
{
	struct settled settled;
	struct err err = { 0 };
	struct upload_view view = upload_view_of(upload);
	if (settle_upload(ingest, call, upload, SETTLE_BY_CLIENT, &settled, &err) != RC_OK) {
		upload_view_fail(answer->request, &err);
		return;
	}
	if (settled.outcome == SETTLE_ABSENT) {
		http_respond_problem(answer->request, 410, "upload-lost",
		                     "The store has dropped this upload's parts. Begin a new upload.");
		return;
	}
	view.state = settled.media_state;
	upload_view_answer(ingest, answer->request, answer->status, &view);
}

static void answer_found(struct ingest *ingest, const struct multipart_answer *answer, const struct catalog_call *call,
                         const struct upload_row *upload)
{
	struct store_parts stored = { 0 };
	struct err err = { 0 };
	char id[STORE_UPLOAD_ID_SIZE];
	if (upload->media_state != MEDIA_AWAITING_UPLOAD) {
		const struct upload_view view = upload_view_of(upload);
		upload_view_answer(ingest, answer->request, answer->status, &view);
		return;
	}
	enum rc rc = multipart_open(ingest, call, upload, id, &err);
	if (rc == RC_OK && answer->lists_stored) {
		const struct store_target target = { .bucket = ingest->settings->store_originals_bucket,
			                             .key = upload->object_key,
			                             .timeout_ms = ingest_store_ms(ingest, call->deadline) };
		rc = store_upload_list_parts(ingest->store, &target, id, &stored, &err);
		if (rc == RC_NOT_FOUND) {
			answer_gone(ingest, answer, call, upload);
			return;
		}
	}
	if (rc == RC_OK)
		answer_open(ingest, answer, upload, id, &stored);
	else if (rc == RC_CONFLICT)
		http_respond_problem(answer->request, 409, "upload-ended", "This upload has ended meanwhile.");
	else
		upload_view_fail(answer->request, &err);
	store_parts_done(&stored);
}

static void run(void *argument)
{
	const struct multipart_answer *answer = argument;
	struct ingest *ingest = ingest_of(answer->request);
	struct upload_row upload;
	struct db_result *result = NULL;
	struct err err = { 0 };
	if (ingest_let_go_if_over(answer->request))
		return;
	const struct catalog_call call = ingest_call_of(answer->request);
	const struct uuid *owner_id = &http_request_principal(answer->request)->user_id;
	if (catalog_upload_find(&ingest->catalog, &call, owner_id, &answer->upload_id, &upload, &result, &err) == RC_OK)
		answer_found(ingest, answer, &call, &upload);
	else
		upload_view_fail(answer->request, &err);
	db_result_free(result);
}

void multipart_view_answer(struct http_request *request, const struct uuid *upload_id, unsigned status,
                           bool lists_stored)
{
	struct multipart_answer *answer = arena_alloc(http_request_arena(request), sizeof *answer);
	if (answer == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for an answer" });
		return;
	}
	*answer = (struct multipart_answer){
		.request = request, .upload_id = *upload_id, .status = status, .lists_stored = lists_stored
	};
	ingest_run_settler(request, run, answer);
}
