// Multipart uploads: checks of arguments, order of parts, paging, and what a repeated completion means.
#include "store/store_multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/encoding.h"
#include "store/content_md5.h"
#include "store/store_driver.h"

struct upload_call {
	const struct store_target *target;
	const char *upload_id;
	const struct store_put_options *options;
	unsigned number;
	const struct store_body *body;
	const uint8_t *content_md5;
	const struct store_part *parts;
	size_t count;
	char text[STORE_UPLOAD_ID_SIZE]; // the answer: an upload id or an ETag
	unsigned attempts;
};

static enum rc check_upload(const struct store *store, bool possible, const struct store_target *target,
                            const char *upload_id, struct err *err)
{
	if (!possible)
		return store_cannot(store, "do multipart uploads", err);
	if (upload_id[0] == '\0' || strlen(upload_id) >= STORE_UPLOAD_ID_SIZE)
		return err_set(err, RC_INVALID, "that is no upload id");
	return store_check_names(target->bucket, target->key, err);
}

static enum rc attempt_create(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct upload_call *call = context;
	return store->driver->upload_create(store->self, call->target, call->options, deadline, call->text, err);
}

enum rc store_upload_create(struct store *store, const struct store_target *target,
                            const struct store_put_options *options, char ret_upload_id[STORE_UPLOAD_ID_SIZE],
                            struct err *err)
{
	static const struct store_put_options none = { 0 };
	struct upload_call call = { .target = target, .options = options == NULL ? &none : options };
	if (store->driver->upload_create == NULL)
		return store_cannot(store, "do multipart uploads", err);
	enum rc rc = store_check_names(target->bucket, target->key, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_UPLOAD_CREATE, STORE_REPEAT_UNDONE, target->timeout_ms, attempt_create,
		               &call, err);
	if (rc == RC_OK)
		memcpy(ret_upload_id, call.text, STORE_UPLOAD_ID_SIZE);
	return rc;
}

static enum rc attempt_put_part(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct upload_call *call = context;
	return store->driver->upload_put_part(store->self, call->target, call->upload_id, call->number, call->body,
	                                      call->content_md5, deadline, call->text, err);
}

enum rc store_upload_put_part(struct store *store, const struct store_target *target, const char *upload_id,
                              unsigned number, const struct store_body *body, const uint8_t *content_md5,
                              char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct upload_call call = {
		.target = target, .upload_id = upload_id, .number = number, .body = body, .content_md5 = content_md5
	};
	if (number < 1 || number > STORE_PARTS_MAX)
		return err_set(err, RC_INVALID, "part numbers are 1 to %d, not %u", STORE_PARTS_MAX, number);
	enum rc rc = check_upload(store, store->driver->upload_put_part != NULL, target, upload_id, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_UPLOAD_PUT_PART, STORE_REPEAT_ANY, target->timeout_ms,
		               attempt_put_part, &call, err);
	if (rc == RC_OK && ret_etag != NULL)
		memcpy(ret_etag, call.text, STORE_ETAG_SIZE);
	return rc;
}

void store_parts_done(struct store_parts *parts)
{
	free(parts->parts);
	*parts = (struct store_parts){ 0 };
}

struct parts_call {
	const struct store_target *target;
	const char *upload_id;
	unsigned after;
	struct store_parts page;
	unsigned last;
};

static enum rc attempt_list_parts(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct parts_call *call = context;
	return store->driver->upload_list_parts(store->self, call->target, call->upload_id, call->after, deadline,
	                                        &call->page, &call->last, err);
}

// Move page's parts behind those of all.
static bool append_parts(struct store_parts *all, struct store_parts *page)
{
	struct store_part *longer = realloc(all->parts, (all->count + page->count) * sizeof *longer + 1);
	if (longer == NULL)
		return false;
	all->parts = longer;
	memcpy(all->parts + all->count, page->parts, page->count * sizeof *longer);
	all->count += page->count;
	store_parts_done(page);
	return true;
}

static enum rc list_all_parts(struct store *store, const struct store_target *target, const char *upload_id,
                              struct store_parts *all, struct err *err)
{
	struct deadline deadline = deadline_after_ms(target->timeout_ms > 0 ? target->timeout_ms : store->timeout_ms);
	struct parts_call call = { .target = target, .upload_id = upload_id };
	do {
		int64_t left_ms = deadline_left_ms(deadline);
		if (left_ms == 0)
			return err_set(err, RC_TIMEOUT, "the parts could not be listed in time");
		call.page = (struct store_parts){ 0 };
		enum rc rc = store_run(store, STORE_CALL_UPLOAD_LIST_PARTS, STORE_REPEAT_ANY, left_ms,
		                       attempt_list_parts, &call, err);
		if (rc != RC_OK)
			return rc;
		if (all->count + call.page.count > STORE_PARTS_MAX || (call.last != 0 && call.last <= call.after)) {
			store_parts_done(&call.page);
			return err_set(err, RC_CORRUPT, "the store lists parts without end");
		}
		if (!append_parts(all, &call.page)) {
			store_parts_done(&call.page);
			return err_set(err, RC_NO_MEMORY, "no memory for the list of parts");
		}
		call.after = call.last;
	} while (call.last != 0);
	return RC_OK;
}

enum rc store_upload_list_parts(struct store *store, const struct store_target *target, const char *upload_id,
                                struct store_parts *ret_parts, struct err *err)
{
	struct store_parts all = { 0 };
	enum rc rc = check_upload(store, store->driver->upload_list_parts != NULL, target, upload_id, err);
	if (rc == RC_OK)
		rc = list_all_parts(store, target, upload_id, &all, err);
	if (rc == RC_OK)
		*ret_parts = all;
	else
		store_parts_done(&all);
	return rc;
}

// The ETag that an object of these parts has: the MD5 of the parts' MD5s, "-", their number. False when a part's ETag
// is no MD5 (encrypted by the store).
static bool expected_etag(const struct upload_call *call, char ret_etag[STORE_ETAG_SIZE])
{
	struct digest_stream *stream = digest_stream_new(DIGEST_MD5);
	uint8_t digest[MD5_SIZE];
	bool known = stream != NULL;
	for (size_t i = 0; i < call->count && known; i++) {
		const char *etag = call->parts[i].etag;
		known = decode_hex(etag, strlen(etag), digest, sizeof digest);
		if (known)
			digest_stream_update(stream, digest, sizeof digest);
	}
	if (known) {
		char text[2 * MD5_SIZE + 1];
		digest_stream_finish(stream, digest);
		encode_hex(digest, sizeof digest, text);
		(void)snprintf(ret_etag, STORE_ETAG_SIZE, "%s-%zu", text, call->count);
	}
	digest_stream_free(stream);
	return known;
}

static bool is_of_parts(const struct upload_call *call, const char *etag)
{
	char expected[STORE_ETAG_SIZE];
	if (expected_etag(call, expected))
		return strcmp(etag, expected) == 0;
	const char *number = strrchr(etag, '-');
	return number != NULL && strtoul(number + 1, NULL, 10) == call->count;
}

// The upload is gone and a completion of ours may be the reason: then the object is there.
static enum rc look_for_completed(struct store *store, struct upload_call *call, struct deadline deadline,
                                  struct err *err)
{
	struct store_object object;
	enum rc rc = store->driver->head(store->self, call->target, deadline, &object, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, RC_NOT_FOUND, "there is no such upload");
	if (rc != RC_OK)
		return rc;
	bool ours = is_of_parts(call, object.etag);
	memcpy(call->text, object.etag, sizeof object.etag);
	store_object_done(&object);
	return ours ? RC_OK : err_set(err, RC_NOT_FOUND, "there is no such upload, and another object has its key");
}

static bool is_upload_gone(struct store *store, const struct upload_call *call, struct deadline deadline)
{
	struct store_parts parts = { 0 };
	unsigned last;
	enum rc rc = store->driver->upload_list_parts(store->self, call->target, call->upload_id, 0, deadline, &parts,
	                                              &last, NULL);
	store_parts_done(&parts);
	return rc == RC_NOT_FOUND;
}

// Ceph 16 answers the completion of an unknown upload with 500, and a successful one without the ETag.
static enum rc attempt_complete(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct upload_call *call = context;
	bool again = call->attempts++ > 0;
	call->text[0] = '\0';
	enum rc rc = store->driver->upload_complete(store->self, call->target, call->upload_id, call->parts,
	                                            call->count, deadline, call->text, err);
	bool look = (rc == RC_OK && call->text[0] == '\0') || (rc == RC_NOT_FOUND && again) ||
	            (rc == RC_UNKNOWN && is_upload_gone(store, call, deadline));
	return look ? look_for_completed(store, call, deadline, err) : rc;
}

static int compare_parts(const void *left, const void *right)
{
	const struct store_part *left_part = left;
	const struct store_part *right_part = right;
	return left_part->number < right_part->number ? -1 : left_part->number > right_part->number;
}

static void strip_quotes(char *etag)
{
	size_t length = strlen(etag);
	if (length >= 2 && etag[0] == '"' && etag[length - 1] == '"') {
		memmove(etag, etag + 1, length - 2);
		etag[length - 2] = '\0';
	}
}

// A sorted copy with plain ETags; NULL (and err) when the list cannot be completed.
static struct store_part *prepare_parts(const struct store_part *parts, size_t count, struct err *err)
{
	if (count == 0 || count > STORE_PARTS_MAX) {
		(void)err_set(err, RC_INVALID, "an upload is completed with 1 to %d parts", STORE_PARTS_MAX);
		return NULL;
	}
	struct store_part *sorted = calloc(count, sizeof *sorted);
	if (sorted == NULL) {
		(void)err_set(err, RC_NO_MEMORY, "no memory for the list of parts");
		return NULL;
	}
	memcpy(sorted, parts, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_parts);
	for (size_t i = 0; i < count; i++) {
		strip_quotes(sorted[i].etag);
		bool repeated = i > 0 && sorted[i].number == sorted[i - 1].number;
		if (repeated || sorted[i].number < 1 || sorted[i].number > STORE_PARTS_MAX) {
			(void)err_set(err, RC_INVALID, "the part number %u is %s", sorted[i].number,
			              repeated ? "there twice" : "out of range");
			free(sorted);
			return NULL;
		}
	}
	return sorted;
}

enum rc store_upload_complete(struct store *store, const struct store_target *target, const char *upload_id,
                              const struct store_part *parts, size_t count, char ret_etag[STORE_ETAG_SIZE],
                              struct err *err)
{
	enum rc rc = check_upload(store, store->driver->upload_complete != NULL, target, upload_id, err);
	if (rc != RC_OK)
		return rc;
	struct err prepared = { 0 };
	struct store_part *sorted = prepare_parts(parts, count, &prepared);
	if (sorted == NULL)
		return err_set(err, prepared.rc, "%s", prepared.text);
	struct upload_call call = { .target = target, .upload_id = upload_id, .parts = sorted, .count = count };
	rc = store_run(store, STORE_CALL_UPLOAD_COMPLETE, STORE_REPEAT_ANY, target->timeout_ms, attempt_complete, &call,
	               err);
	free(sorted);
	if (rc == RC_OK && ret_etag != NULL)
		memcpy(ret_etag, call.text, STORE_ETAG_SIZE);
	return rc;
}

static enum rc attempt_abort(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct upload_call *call = context;
	enum rc rc = store->driver->upload_abort(store->self, call->target, call->upload_id, deadline, err);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_upload_abort(struct store *store, const struct store_target *target, const char *upload_id,
                           struct err *err)
{
	struct upload_call call = { .target = target, .upload_id = upload_id };
	enum rc rc = check_upload(store, store->driver->upload_abort != NULL, target, upload_id, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_UPLOAD_ABORT, STORE_REPEAT_ANY, target->timeout_ms, attempt_abort,
		               &call, err);
	return rc;
}

struct upload_list_call {
	const char *bucket;
	struct store_list_options options;
	struct store_upload_page page;
};

static enum rc attempt_upload_list(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct upload_list_call *call = context;
	return store->driver->upload_list(store->self, call->bucket, &call->options, deadline, &call->page, err);
}

enum rc store_upload_list(struct store *store, const char *bucket, const struct store_list_options *options,
                          struct store_upload_page *ret_page, struct err *err)
{
	struct upload_list_call call = { .bucket = bucket };
	if (options != NULL)
		call.options = *options;
	if (call.options.page_size == 0 || call.options.page_size > STORE_LIST_PAGE)
		call.options.page_size = STORE_LIST_PAGE;
	if (call.options.prefix == NULL)
		call.options.prefix = "";
	if (store->driver->upload_list == NULL)
		return store_cannot(store, "do multipart uploads", err);
	enum rc rc = store_check_names(bucket, NULL, err);
	if (rc == RC_OK)
		rc = store_run(store, STORE_CALL_UPLOAD_LIST, STORE_REPEAT_ANY, call.options.timeout_ms,
		               attempt_upload_list, &call, err);
	if (rc == RC_OK)
		*ret_page = call.page;
	return rc;
}

void store_upload_page_done(struct store_upload_page *page)
{
	arena_free(page->memory);
	*page = (struct store_upload_page){ 0 };
}
