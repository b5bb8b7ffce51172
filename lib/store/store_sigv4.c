// The default driver: Signature Version 4 on libcurl. Opening, signing, sending; the calls are in sigv4_*.c.
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "store/content_md5.h"
#include "store/sigv4_store.h"

#define CALL_MEMORY (256 * 1024)
#define CONNECTIONS_DEFAULT 8
#define STALL_SECONDS_DEFAULT 10

static void sigv4_free(void *self)
{
	struct sigv4_store *store = self;
	if (store == NULL)
		return;
	transport_free(store->transport);
	sigv4_signer_done(&store->s3);
	sigv4_signer_done(&store->sns);
	(void)pthread_mutex_destroy(&store->lock);
	free(store);
}

static enum rc fill_store(struct sigv4_store *store, const struct store_options *options, struct err *err)
{
	const char *public_endpoint = options->public_endpoint != NULL ? options->public_endpoint : options->endpoint;
	enum rc rc = endpoint_parse(options->endpoint, &store->endpoint, err);
	if (rc == RC_OK)
		rc = endpoint_parse(public_endpoint, &store->public_endpoint, err);
	if (rc == RC_OK)
		rc = sigv4_signer_init(&store->s3, options->access_key, options->secret_key, NULL, options->region,
		                       "s3", err);
	if (rc == RC_OK)
		rc = sigv4_signer_init(&store->sns, options->access_key, options->secret_key, NULL, options->region,
		                       "sns", err);
	if (rc != RC_OK)
		return rc;
	store->stall_seconds = options->stall_seconds > 0 ? options->stall_seconds : STALL_SECONDS_DEFAULT;
	memcpy(store->region, store->s3.region, sizeof store->region);
	store->transport = transport_new(options->connections > 0 ? options->connections : CONNECTIONS_DEFAULT);
	return store->transport != NULL ? RC_OK : err_set(err, RC_NO_MEMORY, "libcurl does not start");
}

enum rc store_sigv4_open(const struct store_options *options, void **ret_self, struct err *err)
{
	struct sigv4_store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a store");
	(void)pthread_mutex_init(&store->lock, NULL);
	enum rc rc = fill_store(store, options, err);
	if (rc != RC_OK) {
		sigv4_free(store);
		return rc;
	}
	*ret_self = store;
	return RC_OK;
}

static int64_t sigv4_clock_skew_ms(const void *self)
{
	const struct sigv4_store *store = self;
	return atomic_load_explicit(&store->skew_ms, memory_order_relaxed);
}

struct sigv4_key sigv4_store_key(struct sigv4_store *store, bool sns, const char *time)
{
	(void)pthread_mutex_lock(&store->lock);
	struct sigv4_key key = *sigv4_signer_key(sns ? &store->sns : &store->s3, time);
	(void)pthread_mutex_unlock(&store->lock);
	return key;
}

enum rc sigv4_call_init(struct sigv4_call *call, const char *method, const char *bucket, const char *key,
                        struct deadline deadline, struct err *err)
{
	memset(call, 0, sizeof *call);
	call->method = method;
	call->bucket = bucket;
	call->key = key;
	call->deadline = deadline;
	call->memory = arena_new(CALL_MEMORY);
	return call->memory != NULL ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for a request to the store");
}

void sigv4_call_done(struct sigv4_call *call)
{
	transport_exchange_done(&call->exchange);
	arena_free(call->memory);
	call->memory = NULL;
}

void sigv4_call_query(struct sigv4_call *call, const char *name, const char *value)
{
	if (value != NULL)
		call->query[call->query_count++] = (struct store_pair){ name, value };
}

void sigv4_call_header(struct sigv4_call *call, const char *name, const char *value)
{
	if (value != NULL)
		call->headers[call->header_count++] = (struct store_pair){ name, value };
}

void sigv4_call_document(struct sigv4_call *call, struct store_body *body, const struct buffer *document,
                         const char *content_type)
{
	*body = (struct store_body){ .data = buffer_text(document), .length = document->length };
	uint8_t digest[SHA256_SIZE];
	uint8_t md5[MD5_SIZE];
	char *sha256_text = arena_alloc(call->memory, SHA256_TEXT_SIZE);
	char *md5_text = arena_alloc(call->memory, CONTENT_MD5_TEXT_SIZE);
	if (sha256_text != NULL) {
		sha256_of(body->data, body->length, digest);
		encode_hex(digest, sizeof digest, sha256_text);
	}
	if (md5_text != NULL) {
		md5_of(body->data, body->length, md5);
		content_md5_format(md5, md5_text);
	}
	call->body = body;
	call->payload_sha256 = sha256_text;
	sigv4_call_header(call, "content-md5", md5_text);
	sigv4_call_header(call, "content-type", content_type);
}

char *sigv4_store_path(struct arena *memory, const char *bucket, const char *key)
{
	if (bucket == NULL)
		return arena_copy_text(memory, "/");
	return arena_format(memory, "/%s%s%s", bucket, key == NULL ? "" : "/", key == NULL ? "" : key);
}

char *sigv4_quote(struct arena *memory, const char *etag)
{
	return arena_format(memory, "\"%s\"", etag);
}

static const char *payload_of(const struct sigv4_call *call)
{
	if (call->payload_sha256 != NULL)
		return call->payload_sha256;
	return call->body == NULL || call->body->length == 0 ? SIGV4_EMPTY_SHA256 : SIGV4_UNSIGNED_PAYLOAD;
}

static void add_exchange_header(struct transport_exchange *exchange, const char *name, const char *value)
{
	exchange->headers[exchange->header_count++] = (struct store_pair){ name, value };
}

// Headers as libcurl shall send them: those that were signed, and nothing that it would add itself.
static enum rc fill_exchange(const struct sigv4_store *store, struct sigv4_call *call, const char *time,
                             const char *authorization, struct err *err)
{
	struct transport_exchange *exchange = &call->exchange;
	char *own_time = arena_copy_text(call->memory, time);
	char *own_authorization = arena_copy_text(call->memory, authorization);
	if (own_time == NULL || own_authorization == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a request to the store");
	exchange->header_count = 0;
	for (size_t i = 0; i < call->header_count; i++)
		add_exchange_header(exchange, call->headers[i].name, call->headers[i].value);
	add_exchange_header(exchange, "x-amz-date", own_time);
	add_exchange_header(exchange, "x-amz-content-sha256", payload_of(call));
	add_exchange_header(exchange, "Authorization", own_authorization);
	exchange->method = call->method;
	exchange->body = call->body;
	exchange->sink = call->sink;
	exchange->deadline = call->deadline;
	exchange->stall_seconds = call->patient ? 0 : store->stall_seconds;
	exchange->memory = call->memory;
	return RC_OK;
}

enum rc sigv4_call_prepare(struct sigv4_store *store, struct sigv4_call *call, struct err *err)
{
	char time[SIGV4_TIME_SIZE];
	clock_format_basic(clock_now_us(), time);
	struct sigv4_request request = { .method = call->method,
		                         .scheme = store->endpoint.scheme,
		                         .host = store->endpoint.host,
		                         .path = sigv4_store_path(call->memory, call->bucket, call->key),
		                         .query = call->query,
		                         .query_count = call->query_count,
		                         .headers = call->headers,
		                         .header_count = call->header_count,
		                         .payload = payload_of(call) };
	if (request.path == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a request to the store");
	struct sigv4_key key = sigv4_store_key(store, call->sns, time);
	char authorization[SIGV4_AUTHORIZATION_SIZE];
	enum rc rc = sigv4_sign(&key, &request, time, authorization, err);
	crypto_wipe(&key, sizeof key);
	if (rc != RC_OK)
		return rc;
	char text[SIGV4_TARGET_SIZE];
	struct span url;
	span_init(&url, text, sizeof text);
	span_append_text(&url, store->endpoint.origin);
	rc = sigv4_encode_target(request.path, call->query, call->query_count, &url, err);
	if (rc != RC_OK)
		return rc;
	call->exchange.url = arena_copy(call->memory, url.data, url.length);
	if (call->exchange.url == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a request to the store");
	return fill_exchange(store, call, time, authorization, err);
}

static enum rc judge_missing(const struct sigv4_call *call, enum transport_end end, const struct err *failed,
                             struct err *err)
{
	enum rc rc = RC_UNAVAILABLE;
	if (end == TRANSPORT_STOPPED)
		rc = failed->rc;
	else if (end != TRANSPORT_UNSENT && call->expect.changes)
		rc = RC_UNKNOWN;
	else if (failed->rc != RC_OK)
		rc = failed->rc;
	return err_set(err, rc, "%s", failed->text);
}

enum rc sigv4_call_judge(struct sigv4_store *store, struct sigv4_call *call, enum transport_end end, struct err *err)
{
	if (end != TRANSPORT_ANSWERED) {
		struct err failed = *err;
		return judge_missing(call, end, &failed, err);
	}
	const struct transport_exchange *exchange = &call->exchange;
	if (exchange->date_us != 0)
		atomic_store_explicit(&store->skew_ms, (exchange->date_us - clock_now_us()) / 1000,
		                      memory_order_relaxed);
	if (exchange->status >= 200 && exchange->status < 300)
		return RC_OK;
	return s3_error_map(exchange->status, buffer_text(&exchange->answer), exchange->answer.length, call->expect,
	                    call->code, err);
}

enum rc sigv4_call_send(struct sigv4_store *store, struct sigv4_call *call, struct err *err)
{
	struct err own = { 0 }; // judging needs the text even when the caller does not
	enum rc rc = sigv4_call_prepare(store, call, &own);
	if (rc == RC_OK) {
		enum transport_end end = transport_run(store->transport, &call->exchange, &own);
		rc = sigv4_call_judge(store, call, end, &own);
	}
	return rc == RC_OK ? RC_OK : err_set(err, rc, "%s", own.text);
}

const struct store_driver store_sigv4_driver = {
	.name = "sigv4",
	.free = sigv4_free,
	.clock_skew_ms = sigv4_clock_skew_ms,
	.put = sigv4_put,
	.put_many = sigv4_put_many,
	.head = sigv4_head,
	.get = sigv4_get,
	.remove = sigv4_remove,
	.remove_many = sigv4_remove_many,
	.list = sigv4_list,
	.copy = sigv4_copy,
	.upload_create = sigv4_upload_create,
	.upload_put_part = sigv4_upload_put_part,
	.upload_list_parts = sigv4_upload_list_parts,
	.upload_complete = sigv4_upload_complete,
	.upload_abort = sigv4_upload_abort,
	.upload_list = sigv4_upload_list,
	.presign = sigv4_presign_request,
	.presign_form = sigv4_presign_form,
	.bucket_create = sigv4_bucket_create,
	.bucket_remove = sigv4_bucket_remove,
	.bucket_configure = sigv4_bucket_configure,
	.topic_create = sigv4_topic_create,
};
