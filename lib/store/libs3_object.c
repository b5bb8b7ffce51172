// The libs3 driver's calls on objects.
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "store/content_md5.h"
#include "store/libs3_store.h"
#include "store/span.h"
#include "store/store_sink.h"

// libs3 cuts longer keys in lists; one of its most may be whole or cut.
#define KEY_MAX (S3_MAX_KEY_SIZE - 2)

// libs3 lets libcurl resolve "." and ".." segments, which would reach another object than was signed, and sends a blank
// as '+', which is another key.
enum rc libs3_check_key(const char *key, struct err *err)
{
	if (strlen(key) > KEY_MAX)
		return err_set(err, RC_INVALID, "the libs3 driver cannot use keys of more than %d bytes", KEY_MAX);
	if (strchr(key, ' ') != NULL)
		return err_set(err, RC_INVALID, "the libs3 driver cannot use keys with blanks");
	for (const char *segment = key; *segment != '\0';) {
		size_t length = strcspn(segment, "/");
		if ((length == 1 && segment[0] == '.') || (length == 2 && segment[0] == '.' && segment[1] == '.'))
			return err_set(err, RC_INVALID, "the libs3 driver cannot use keys with dot segments");
		segment += length + (segment[length] == '/');
	}
	return RC_OK;
}

static int read_file(struct libs3_call *call, char *ret_data, size_t size)
{
	ssize_t got;
	do
		got = pread(call->body->fd, ret_data, size, (off_t)(call->body->offset + call->sent));
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return (int)got;
	(void)err_set(&call->failed, RC_INVALID, "the file to send %s",
	              got == 0 ? "is shorter than promised" : strerror(errno));
	return -1;
}

static int on_send(int size, char *ret_data, void *context)
{
	struct libs3_call *call = context;
	uint64_t left = call->body->length - call->sent;
	size_t wanted = left < (uint64_t)size ? (size_t)left : (size_t)size;
	int got = (int)wanted;
	if (wanted == 0)
		return 0;
	if (call->body->data != NULL)
		memcpy(ret_data, (const char *)call->body->data + call->sent, wanted);
	else
		got = read_file(call, ret_data, wanted);
	if (got > 0) {
		digest_stream_update(call->md5, ret_data, (size_t)got);
		call->sent += (uint64_t)got;
	}
	return got;
}

static S3Status on_receive(int size, const char *data, void *context)
{
	struct libs3_call *call = context;
	enum rc rc = RC_OK;
	if (call->sink->length == 0)
		rc = store_sink_expect(call->sink, call->announced, &call->failed);
	if (rc == RC_OK)
		rc = store_sink_write(call->sink, data, (size_t)size, &call->failed);
	return rc == RC_OK ? S3StatusOK : S3StatusAbortedByCallback;
}

#define METADATA_MAX 64

static enum rc check_put(const struct store_target *target, const struct store_put_options *options, struct err *err)
{
	if (options->only_if_absent)
		return err_set(err, RC_INVALID, "the libs3 driver cannot put conditionally");
	if (options->content_disposition != NULL)
		return err_set(err, RC_INVALID, "the libs3 driver cannot set Content-Disposition");
	return libs3_check_key(target->key, err);
}

static void send_put(const struct libs3_store *store, const struct store_target *target,
                     const struct store_put_options *options, S3RequestContext *context, struct libs3_call *call)
{
	S3NameValue metadata[METADATA_MAX];
	for (size_t i = 0; i < options->metadata_count; i++)
		metadata[i] = (S3NameValue){ options->metadata[i].name, options->metadata[i].value };
	char md5[CONTENT_MD5_TEXT_SIZE];
	if (options->content_md5 != NULL)
		content_md5_format(options->content_md5, md5);
	S3PutProperties properties = { .contentType = options->content_type != NULL ? options->content_type
		                                                                    : "application/octet-stream",
		                       .md5 = options->content_md5 != NULL ? md5 : NULL,
		                       .cacheControl = options->cache_control,
		                       .expires = -1,
		                       .cannedAcl = S3CannedAclPrivate,
		                       .metaDataCount = (int)options->metadata_count,
		                       .metaData = metadata };
	S3BucketContext bucket = libs3_bucket(store, target->bucket);
	S3PutObjectHandler handler = { .responseHandler = libs3_response_handler, .putObjectDataCallback = on_send };
	libs3_lock();
	S3_put_object(&bucket, target->key, call->body->length, &properties, context, &handler, call);
	libs3_unlock();
	libs3_run(context, call);
}

// libs3 takes "100 Continue" for the answer: it hides the ETag, and a failure without an XML body. What counts is that
// the object is there with the digest of what was sent.
static enum rc confirm_put(void *self, const struct store_target *target, const struct libs3_call *call,
                           char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	uint8_t digest[MD5_SIZE];
	char md5[2 * MD5_SIZE + 1];
	digest_stream_finish(call->md5, digest);
	encode_hex(digest, sizeof digest, md5);
	struct store_object object;
	enum rc rc = libs3_head(self, target, call->deadline, &object, err);
	if (rc != RC_OK)
		return err_set(err, RC_UNKNOWN, "the put could not be confirmed (%s)", rc_name(rc));
	bool same = strcmp(object.etag, md5) == 0;
	memcpy(ret_etag, object.etag, sizeof object.etag);
	store_object_done(&object);
	return same ? RC_OK : err_set(err, RC_UNKNOWN, "the store does not hold what was put");
}

enum rc libs3_put(void *self, const struct store_target *target, const struct store_body *body,
                  const struct store_put_options *options, struct deadline deadline, char ret_etag[STORE_ETAG_SIZE],
                  struct err *err)
{
	enum rc rc = check_put(target, options, err);
	if (rc != RC_OK)
		return rc;
	struct libs3_call call = { .changes = true, .deadline = deadline, .body = body };
	call.md5 = digest_stream_new(DIGEST_MD5);
	if (call.md5 == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a digest");
	S3RequestContext *context = libs3_begin(err);
	if (context == NULL) {
		rc = RC_NO_MEMORY;
	} else {
		send_put(self, target, options, context, &call);
		rc = libs3_judge(&call, err);
	}
	if (rc == RC_OK)
		rc = confirm_put(self, target, &call, ret_etag, err);
	digest_stream_free(call.md5);
	return rc;
}

enum rc libs3_head(void *self, const struct store_target *target, struct deadline deadline,
                   struct store_object *ret_object, struct err *err)
{
	enum rc rc = libs3_check_key(target->key, err);
	S3RequestContext *context = rc == RC_OK ? libs3_begin(err) : NULL;
	if (context == NULL)
		return rc != RC_OK ? rc : RC_NO_MEMORY;
	S3BucketContext bucket = libs3_bucket(self, target->bucket);
	struct libs3_call call = { .deadline = deadline, .wants_object = true };
	libs3_lock();
	S3_head_object(&bucket, target->key, context, &libs3_response_handler, &call);
	libs3_unlock();
	libs3_run(context, &call);
	rc = libs3_judge(&call, err);
	if (rc == RC_OK)
		*ret_object = call.object;
	else
		store_object_done(&call.object);
	return rc;
}

// libs3 takes a transfer that was cut short for a whole one.
static enum rc check_length(const struct libs3_call *call, struct err *err)
{
	if (call->sink->length == call->announced)
		return RC_OK;
	return err_set(err, RC_UNAVAILABLE, "the store's answer was cut short");
}

enum rc libs3_get(void *self, const struct store_target *target, const struct store_get_options *options,
                  struct store_sink *sink, struct deadline deadline, struct store_object *ret_object, struct err *err)
{
	enum rc rc = libs3_check_key(target->key, err);
	S3RequestContext *context = rc == RC_OK ? libs3_begin(err) : NULL;
	if (context == NULL)
		return rc != RC_OK ? rc : RC_NO_MEMORY;
	S3BucketContext bucket = libs3_bucket(self, target->bucket);
	S3GetConditions conditions = { .ifModifiedSince = -1,
		                       .ifNotModifiedSince = -1,
		                       .ifMatchETag = options->if_match };
	S3GetObjectHandler handler = { .responseHandler = libs3_response_handler, .getObjectDataCallback = on_receive };
	struct libs3_call call = { .deadline = deadline, .wants_object = true, .sink = sink };
	libs3_lock();
	S3_get_object(&bucket, target->key, &conditions, options->first, options->length, context, &handler, &call);
	libs3_unlock();
	libs3_run(context, &call);
	rc = libs3_judge(&call, err);
	if (rc == RC_OK)
		rc = check_length(&call, err);
	bool ranged = options->first > 0 || options->length > 0;
	if (rc == RC_OK && ranged) {
		// libs3 does not show Content-Range: the whole size needs another look.
		store_object_done(&call.object);
		rc = libs3_head(self, target, deadline, &call.object, err);
	}
	if (rc == RC_OK)
		*ret_object = call.object;
	else
		store_object_done(&call.object);
	return rc;
}

enum rc libs3_remove(void *self, const struct store_target *target, struct deadline deadline, struct err *err)
{
	enum rc rc = libs3_check_key(target->key, err);
	S3RequestContext *context = rc == RC_OK ? libs3_begin(err) : NULL;
	if (context == NULL)
		return rc != RC_OK ? rc : RC_NO_MEMORY;
	S3BucketContext bucket = libs3_bucket(self, target->bucket);
	struct libs3_call call = { .changes = true, .deadline = deadline };
	libs3_lock();
	S3_delete_object(&bucket, target->key, context, &libs3_response_handler, &call);
	libs3_unlock();
	libs3_run(context, &call);
	return call.status == S3StatusErrorNoSuchKey ? RC_OK : libs3_judge(&call, err);
}

// libs3 takes the UTC of a list for local time (mktime): what it gives is taken back to that text and read right.
static int64_t repair_list_time(int64_t seconds)
{
	time_t wrong = (time_t)seconds;
	struct tm parts;
	if (seconds <= 0 || localtime_r(&wrong, &parts) == NULL)
		return 0;
	return (int64_t)timegm(&parts) * 1000000;
}

static bool take_entry(struct store_page *page, const S3ListBucketContent *content)
{
	struct store_entry *entry = &page->entries[page->count];
	size_t length = content->eTag == NULL ? 0 : strlen(content->eTag);
	bool quoted = length >= 2 && content->eTag[0] == '"' && content->eTag[length - 1] == '"';
	if (length >= sizeof entry->etag || strlen(content->key) > KEY_MAX)
		return false;
	*entry = (struct store_entry){ .key = arena_copy_text(page->memory, content->key),
		                       .size = content->size,
		                       .modified_us = repair_list_time(content->lastModified) };
	if (length > 0)
		memcpy(entry->etag, quoted ? content->eTag + 1 : content->eTag, quoted ? length - 2 : length);
	page->count++;
	return entry->key != NULL;
}

static S3Status on_list(int truncated, const char *next_marker, int count, const S3ListBucketContent *contents,
                        int prefix_count, const char **prefixes, void *context)
{
	(void)next_marker; // only told with a delimiter: the last key serves as well
	(void)prefix_count;
	(void)prefixes;
	struct libs3_call *call = context;
	struct store_page *page = call->page;
	for (int i = 0; i < count; i++) {
		if (page->count >= STORE_LIST_PAGE || !take_entry(page, &contents[i])) {
			(void)err_set(&call->failed, RC_CORRUPT, "the store's list does not fit its page");
			return S3StatusAbortedByCallback;
		}
	}
	call->truncated = truncated != 0;
	return S3StatusOK;
}

enum rc libs3_list(void *self, const char *bucket, const struct store_list_options *options, struct deadline deadline,
                   struct store_page *ret_page, struct err *err)
{
	S3RequestContext *context = libs3_begin(err);
	if (context == NULL)
		return RC_NO_MEMORY;
	struct store_page page = { .memory = arena_new((LIMIT_OBJECT_KEY_BYTES + sizeof(struct store_entry) + 64) *
		                                       (STORE_LIST_PAGE + 8)) };
	if (page.memory != NULL)
		page.entries = arena_alloc(page.memory, STORE_LIST_PAGE * sizeof page.entries[0]);
	struct libs3_call call = { .deadline = deadline, .page = &page };
	S3BucketContext where = libs3_bucket(self, bucket);
	S3ListBucketHandler handler = { .responseHandler = libs3_response_handler, .listBucketCallback = on_list };
	enum rc rc = RC_NO_MEMORY;
	if (page.entries == NULL) {
		(void)err_set(err, rc, "no memory for a page");
		S3_destroy_request_context(context);
	} else {
		libs3_lock();
		S3_list_bucket(&where, options->prefix[0] == '\0' ? NULL : options->prefix,
		               options->continuation != NULL ? options->continuation : options->start_after, NULL,
		               (int)options->page_size, context, &handler, &call);
		libs3_unlock();
		libs3_run(context, &call);
		rc = libs3_judge(&call, err);
	}
	if (rc == RC_OK && call.truncated && page.count > 0)
		page.continuation = page.entries[page.count - 1].key;
	if (rc == RC_OK)
		*ret_page = page;
	else
		store_page_done(&page);
	return rc;
}

// libs3 writes the source into its header as it is, though it has to be percent-encoded there.
static enum rc check_copy_source(const char *key, struct err *err)
{
	for (const char *at = key; *at != '\0'; at++)
		if (!span_is_unreserved(*at) && *at != '/')
			return err_set(err, RC_INVALID,
			               "the libs3 driver cannot copy from keys with other than A-Z a-z "
			               "0-9 - . _ ~ /");
	return libs3_check_key(key, err);
}

// libs3 loses the answer of a copy, and with it an error inside a 200: both objects must have one ETag.
static enum rc confirm_copy(void *self, const struct store_target *from, const struct store_target *to,
                            struct deadline deadline, char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct store_object source = { 0 };
	struct store_object copy = { 0 };
	enum rc rc = libs3_head(self, from, deadline, &source, err);
	if (rc == RC_OK)
		rc = libs3_head(self, to, deadline, &copy, err);
	if (rc != RC_OK)
		rc = err_set(err, RC_UNKNOWN, "the copy could not be confirmed (%s)", rc_name(rc));
	else if (strcmp(source.etag, copy.etag) != 0)
		rc = err_set(err, RC_UNKNOWN, "the store does not hold the copy");
	else
		memcpy(ret_etag, copy.etag, sizeof copy.etag);
	store_object_done(&source);
	store_object_done(&copy);
	return rc;
}

enum rc libs3_copy(void *self, const struct store_target *from, const char *source_etag, const struct store_target *to,
                   struct deadline deadline, char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	if (source_etag != NULL)
		return err_set(err, RC_INVALID, "the libs3 driver cannot copy conditionally");
	enum rc rc = check_copy_source(from->key, err);
	if (rc == RC_OK)
		rc = libs3_check_key(to->key, err);
	S3RequestContext *context = rc == RC_OK ? libs3_begin(err) : NULL;
	if (context == NULL)
		return rc != RC_OK ? rc : RC_NO_MEMORY;
	S3BucketContext bucket = libs3_bucket(self, from->bucket);
	struct libs3_call call = { .changes = true, .deadline = deadline };
	char unused[STORE_ETAG_SIZE] = "";
	int64_t modified = -1;
	libs3_lock();
	S3_copy_object(&bucket, from->key, to->bucket, to->key, NULL, &modified, (int)sizeof unused, unused, context,
	               &libs3_response_handler, &call);
	libs3_unlock();
	libs3_run(context, &call);
	rc = libs3_judge(&call, err);
	return rc != RC_OK ? rc : confirm_copy(self, from, to, deadline, ret_etag, err);
}
