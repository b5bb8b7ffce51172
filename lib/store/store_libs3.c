// The driver on Debian's libs3 2.0, for stores that know Signature V2 only (it works with Ceph RGW; Amazon refuses V2
// in regions opened after 2014).
//
// What it cannot, and answers with RC_INVALID: conditional puts, conditional copies, multipart uploads, POST forms,
// presigned requests other than a plain GET, documents of buckets, topics, Content-Disposition. Deletes go one by one.
// Cache-Control of an object is not told, nor the store's clock. Keys with blanks or
// dot segments, or of more than 1022 bytes, are refused, since libs3 would reach other keys. Each put and copy is
// confirmed by a head. libs3 follows redirects and takes proxies from the environment. Stalls are found after 15 s (its
// constant).
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "store/libs3_store.h"
#include "store/store_sink.h"

// What it guards is global in libs3 itself, so one lock a store would not do.
static pthread_mutex_t begin_lock = PTHREAD_MUTEX_INITIALIZER;

void libs3_lock(void)
{
	(void)pthread_mutex_lock(&begin_lock);
}

void libs3_unlock(void)
{
	(void)pthread_mutex_unlock(&begin_lock);
}

static void libs3_free(void *self)
{
	struct libs3_store *store = self;
	if (store == NULL)
		return;
	if (store->secret_key != NULL)
		crypto_wipe(store->secret_key, strlen(store->secret_key));
	free(store->access_key);
	free(store->secret_key);
	free(store);
	S3_deinitialize();
}

enum rc store_libs3_open(const struct store_options *options, void **ret_self, struct err *err)
{
	if (options->access_key[0] == '\0' || options->secret_key[0] == '\0')
		return err_set(err, RC_INVALID, "the store's access key or secret key is empty");
	struct libs3_store fresh = { 0 };
	const char *public_endpoint = options->public_endpoint != NULL ? options->public_endpoint : options->endpoint;
	enum rc rc = endpoint_parse(options->endpoint, &fresh.endpoint, err);
	if (rc == RC_OK)
		rc = endpoint_parse(public_endpoint, &fresh.public_endpoint, err);
	if (rc != RC_OK)
		return rc;
	if (S3_initialize("safelight", S3_INIT_ALL, NULL) != S3StatusOK)
		return err_set(err, RC_INTERNAL, "libs3 does not start");
	struct libs3_store *store = malloc(sizeof *store);
	if (store == NULL) {
		S3_deinitialize();
		return err_set(err, RC_NO_MEMORY, "no memory for a store");
	}
	*store = fresh;
	store->access_key = strdup(options->access_key);
	store->secret_key = strdup(options->secret_key);
	if (store->access_key == NULL || store->secret_key == NULL) {
		libs3_free(store);
		return err_set(err, RC_NO_MEMORY, "no memory for a store");
	}
	*ret_self = store;
	return RC_OK;
}

static S3BucketContext bucket_at(const struct libs3_store *store, const struct endpoint *endpoint, const char *bucket)
{
	return (S3BucketContext){ .hostName = endpoint->host,
		                  .bucketName = bucket,
		                  .protocol = strcmp(endpoint->scheme, "https") == 0 ? S3ProtocolHTTPS : S3ProtocolHTTP,
		                  .uriStyle = S3UriStylePath,
		                  .accessKeyId = store->access_key,
		                  .secretAccessKey = store->secret_key };
}

S3BucketContext libs3_bucket(const struct libs3_store *store, const char *bucket)
{
	return bucket_at(store, &store->endpoint, bucket);
}

static void copy_without_quotes(char *ret_text, size_t size, const char *text)
{
	size_t length = text == NULL ? 0 : strlen(text);
	bool quoted = length >= 2 && text[0] == '"' && text[length - 1] == '"';
	if (length >= size)
		length = 0;
	if (length > 0)
		memcpy(ret_text, quoted ? text + 1 : text, quoted ? length - 2 : length);
	ret_text[quoted ? length - 2 : length] = '\0';
}

static bool take_metadata(struct store_object *object, const S3ResponseProperties *properties)
{
	size_t count = properties->metaDataCount < 0 ? 0 : (size_t)properties->metaDataCount;
	object->metadata = arena_alloc(object->memory, count * sizeof object->metadata[0]);
	for (size_t i = 0; object->metadata != NULL && i < count; i++) {
		char *name = arena_copy_text(object->memory, properties->metaData[i].name);
		char *value = arena_copy_text(object->memory, properties->metaData[i].value);
		if (name == NULL || value == NULL)
			return false;
		for (char *at = name; *at != '\0'; at++)
			if (*at >= 'A' && *at <= 'Z')
				*at = (char)(*at - 'A' + 'a');
		object->metadata[object->metadata_count++] = (struct store_pair){ name, value };
	}
	return object->metadata != NULL;
}

static S3Status on_properties(const S3ResponseProperties *properties, void *context)
{
	struct libs3_call *call = context;
	call->announced = properties->contentLength;
	copy_without_quotes(call->object.etag, sizeof call->object.etag, properties->eTag);
	if (!call->wants_object)
		return S3StatusOK;
	struct store_object *object = &call->object;
	object->memory = arena_new(64 * 1024);
	if (object->memory == NULL || !take_metadata(object, properties)) {
		(void)err_set(&call->failed, RC_NO_MEMORY, "no memory for metadata");
		return S3StatusAbortedByCallback;
	}
	object->size = properties->contentLength;
	object->modified_us = properties->lastModified > 0 ? properties->lastModified * 1000000 : 0;
	copy_without_quotes(object->content_type, sizeof object->content_type, properties->contentType);
	return S3StatusOK;
}

static void on_complete(S3Status status, const S3ErrorDetails *details, void *context)
{
	struct libs3_call *call = context;
	call->finished = true;
	call->status = status;
	if (details != NULL && details->message != NULL)
		(void)snprintf(call->message, sizeof call->message, "%s", details->message);
}

const S3ResponseHandler libs3_response_handler = { .propertiesCallback = on_properties,
	                                           .completeCallback = on_complete };

S3RequestContext *libs3_begin(struct err *err)
{
	S3RequestContext *context = NULL;
	if (S3_create_request_context(&context) == S3StatusOK)
		return context;
	(void)err_set(err, RC_NO_MEMORY, "no memory for a request to the store");
	return NULL;
}

// Wait until something can be done. libcurl leaves descriptors that do not fit into an fd_set out: then look again
// soon.
static void wait_for_work(S3RequestContext *context, int64_t most_ms)
{
	fd_set readers;
	fd_set writers;
	fd_set errors;
	FD_ZERO(&readers);
	FD_ZERO(&writers);
	FD_ZERO(&errors);
	int highest = -1;
	if (S3_get_request_context_fdsets(context, &readers, &writers, &errors, &highest) != S3StatusOK)
		highest = -1;
	int64_t wait_ms = S3_get_request_context_timeout(context);
	if (wait_ms < 0 || wait_ms > most_ms)
		wait_ms = most_ms;
	if (highest < 0 && wait_ms > 5)
		wait_ms = 5;
	struct timeval timeout = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	(void)select(highest + 1, &readers, &writers, &errors, &timeout);
}

void libs3_run(S3RequestContext *context, struct libs3_call *call)
{
	while (!call->finished && !deadline_passed(call->deadline)) {
		int left = 0;
		if (S3_runonce_request_context(context, &left) != S3StatusOK || call->finished)
			break;
		int64_t left_ms = deadline_left_ms(call->deadline);
		wait_for_work(context, left_ms < 200 ? left_ms : 200);
	}
	S3_destroy_request_context(context); // ends what still runs, as S3StatusInterrupted
}

struct status_row {
	S3Status status;
	enum rc rc;
};

static const struct status_row STATUSES[] = {
	{ S3StatusOutOfMemory, RC_NO_MEMORY },
	{ S3StatusFailedToConnect, RC_UNAVAILABLE },
	{ S3StatusNameLookupError, RC_UNAVAILABLE },
	{ S3StatusErrorSlowDown, RC_UNAVAILABLE },
	{ S3StatusErrorOperationAborted, RC_UNAVAILABLE },
	{ S3StatusErrorRequestTimeout, RC_UNAVAILABLE },
	{ S3StatusErrorNoSuchKey, RC_NOT_FOUND },
	{ S3StatusErrorNoSuchBucket, RC_NOT_FOUND },
	{ S3StatusHttpErrorNotFound, RC_NOT_FOUND },
	{ S3StatusErrorAccessDenied, RC_DENIED },
	{ S3StatusErrorInvalidAccessKeyId, RC_DENIED },
	{ S3StatusErrorSignatureDoesNotMatch, RC_DENIED },
	{ S3StatusErrorRequestTimeTooSkewed, RC_DENIED },
	{ S3StatusHttpErrorForbidden, RC_DENIED },
	{ S3StatusErrorPreconditionFailed, RC_CONFLICT },
	{ S3StatusErrorBucketNotEmpty, RC_CONFLICT },
	{ S3StatusHttpErrorConflict, RC_CONFLICT },
	{ S3StatusErrorBucketAlreadyExists, RC_EXISTS },
	{ S3StatusErrorBucketAlreadyOwnedByYou, RC_EXISTS },
	{ S3StatusErrorEntityTooLarge, RC_LIMIT },
	{ S3StatusErrorTooManyBuckets, RC_LIMIT },
	{ S3StatusXmlParseFailure, RC_CORRUPT },
};

// Statuses after which nobody knows what the store did.
static bool is_lost(S3Status status)
{
	return status == S3StatusInterrupted || status == S3StatusConnectionFailed || status == S3StatusInternalError ||
	       status == S3StatusErrorInternalError || status == S3StatusHttpErrorUnknown;
}

enum rc libs3_judge(const struct libs3_call *call, struct err *err)
{
	if (call->failed.rc != RC_OK)
		return err_set(err, call->failed.rc, "%s", call->failed.text);
	if (call->status == S3StatusOK)
		return RC_OK;
	enum rc rc = RC_INVALID;
	for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++)
		if (STATUSES[i].status == call->status)
			rc = STATUSES[i].rc;
	if (is_lost(call->status))
		rc = call->changes ? RC_UNKNOWN : call->status == S3StatusInterrupted ? RC_TIMEOUT : RC_UNAVAILABLE;
	return err_set(err, rc, "the store answered %s%s%s", S3_get_status_name(call->status),
	               call->message[0] == '\0' ? "" : ": ", call->message);
}

static enum rc libs3_presign(void *self, const struct store_presign *presign, int64_t now_us,
                             struct store_signed_request *ret_request, struct err *err)
{
	const struct libs3_store *store = self;
	bool possible = strcmp(presign->method, "GET") == 0 && presign->header_count == 0 &&
	                presign->query_count == 0 && presign->key != NULL && presign->key[0] != '\0';
	if (!possible)
		return err_set(err, RC_INVALID,
		               "the libs3 driver presigns plain GETs of objects alone; use the sigv4 driver");
	enum rc rc = libs3_check_key(presign->key, err);
	if (rc != RC_OK)
		return rc;
	S3BucketContext bucket = bucket_at(store, &store->public_endpoint, presign->bucket);
	char url[S3_MAX_AUTHENTICATED_QUERY_STRING_SIZE];
	int64_t expires = now_us / 1000000 + presign->seconds;
	if (S3_generate_authenticated_query_string(url, &bucket, presign->key, expires, NULL) != S3StatusOK)
		return err_set(err, RC_INVALID, "libs3 cannot presign this request");
	struct store_signed_request request = { .memory = arena_new(16 * 1024), .expires_us = expires * 1000000 };
	request.url = request.memory == NULL ? NULL : arena_copy_text(request.memory, url);
	if (request.url == NULL) {
		store_signed_request_done(&request);
		return err_set(err, RC_NO_MEMORY, "no memory for a presigned request");
	}
	*ret_request = request;
	return RC_OK;
}

static enum rc libs3_bucket_create(void *self, const char *bucket, struct deadline deadline, struct err *err)
{
	const struct libs3_store *store = self;
	S3RequestContext *context = libs3_begin(err);
	if (context == NULL)
		return RC_NO_MEMORY;
	S3BucketContext where = libs3_bucket(store, bucket);
	struct libs3_call call = { .changes = true, .deadline = deadline };
	libs3_lock();
	S3_create_bucket(where.protocol, where.accessKeyId, where.secretAccessKey, where.hostName, bucket,
	                 S3CannedAclPrivate, NULL, context, &libs3_response_handler, &call);
	libs3_unlock();
	libs3_run(context, &call);
	if (call.status == S3StatusErrorBucketAlreadyOwnedByYou)
		return RC_OK;
	return libs3_judge(&call, err);
}

static enum rc libs3_bucket_remove(void *self, const char *bucket, struct deadline deadline, struct err *err)
{
	const struct libs3_store *store = self;
	S3RequestContext *context = libs3_begin(err);
	if (context == NULL)
		return RC_NO_MEMORY;
	S3BucketContext where = libs3_bucket(store, bucket);
	struct libs3_call call = { .changes = true, .deadline = deadline };
	libs3_lock();
	S3_delete_bucket(where.protocol, where.uriStyle, where.accessKeyId, where.secretAccessKey, where.hostName,
	                 bucket, context, &libs3_response_handler, &call);
	libs3_unlock();
	libs3_run(context, &call);
	return libs3_judge(&call, err);
}

const struct store_driver store_libs3_driver = {
	.name = "libs3",
	.free = libs3_free,
	.put = libs3_put,
	.head = libs3_head,
	.get = libs3_get,
	.remove = libs3_remove,
	.list = libs3_list,
	.copy = libs3_copy,
	.presign = libs3_presign,
	.bucket_create = libs3_bucket_create,
	.bucket_remove = libs3_bucket_remove,
};
