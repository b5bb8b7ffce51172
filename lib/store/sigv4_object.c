// The SigV4 driver's calls on single objects.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "store/content_md5.h"
#include "store/sigv4_store.h"
#include "store/sigv4_xml.h"

enum rc sigv4_call_describe(struct sigv4_call *call, const struct store_put_options *options, struct err *err)
{
	sigv4_call_header(call, "content-type",
	                  options->content_type != NULL ? options->content_type : "application/octet-stream");
	sigv4_call_header(call, "cache-control", options->cache_control);
	sigv4_call_header(call, "content-disposition", options->content_disposition);
	for (size_t i = 0; i < options->metadata_count; i++) {
		char *name = arena_format(call->memory, "x-amz-meta-%s", options->metadata[i].name);
		if (name == NULL)
			return err_set(err, RC_NO_MEMORY, "no memory for metadata");
		sigv4_call_header(call, name, options->metadata[i].value);
	}
	return RC_OK;
}

// The hex SHA-256 to sign: the caller's, or computed for bytes in memory; "" stands for an unsigned body.
static enum rc hash_body(const struct store_body *body, char ret_text[SHA256_TEXT_SIZE], struct err *err)
{
	uint8_t digest[SHA256_SIZE];
	ret_text[0] = '\0';
	if (body->sha256 == NULL && (body->data == NULL || body->is_unsigned))
		return RC_OK;
	if (body->sha256 == NULL) {
		struct digest_stream *stream = digest_stream_new(DIGEST_SHA256);
		if (stream == NULL)
			return err_set(err, RC_NO_MEMORY, "no memory for a hash");
		digest_stream_update(stream, body->data, body->length);
		digest_stream_finish(stream, digest);
		digest_stream_free(stream);
	}
	encode_hex(body->sha256 != NULL ? body->sha256 : digest, sizeof digest, ret_text);
	return RC_OK;
}

enum rc sigv4_call_body(struct sigv4_call *call, const struct store_body *body, const uint8_t *content_md5,
                        struct err *err)
{
	char text[SHA256_TEXT_SIZE];
	enum rc rc = hash_body(body, text, err);
	if (rc != RC_OK)
		return rc;
	call->body = body;
	if (text[0] != '\0')
		call->payload_sha256 = arena_copy_text(call->memory, text);
	char *md5_text = NULL;
	if (content_md5 != NULL) {
		md5_text = arena_alloc(call->memory, CONTENT_MD5_TEXT_SIZE);
		if (md5_text != NULL)
			content_md5_format(content_md5, md5_text);
	}
	if ((text[0] != '\0' && call->payload_sha256 == NULL) || (content_md5 != NULL && md5_text == NULL))
		return err_set(err, RC_NO_MEMORY, "no memory for a request to the store");
	sigv4_call_header(call, "content-md5", md5_text);
	return RC_OK;
}

static enum rc begin_put(struct sigv4_call *call, const struct store_target *target, const struct store_body *body,
                         const struct store_put_options *options, struct deadline deadline, struct err *err)
{
	enum rc rc = sigv4_call_init(call, "PUT", target->bucket, target->key, deadline, err);
	if (rc != RC_OK)
		return rc;
	call->expect = (struct s3_expectation){ .changes = true, .only_if_absent = options->only_if_absent };
	sigv4_call_header(call, "if-none-match", options->only_if_absent ? "*" : NULL);
	rc = sigv4_call_describe(call, options, err);
	return rc != RC_OK ? rc : sigv4_call_body(call, body, options->content_md5, err);
}

enum rc sigv4_put(void *self, const struct store_target *target, const struct store_body *body,
                  const struct store_put_options *options, struct deadline deadline, char ret_etag[STORE_ETAG_SIZE],
                  struct err *err)
{
	struct sigv4_call call;
	enum rc rc = begin_put(&call, target, body, options, deadline, err);
	if (rc == RC_OK)
		rc = sigv4_call_send(self, &call, err);
	if (rc == RC_OK)
		memcpy(ret_etag, call.exchange.etag, STORE_ETAG_SIZE);
	sigv4_call_done(&call);
	return rc;
}

struct batch {
	struct sigv4_call *calls;
	struct transport_exchange **exchanges; // of those that could be prepared
	struct store_put_item **items;         // the same in the same order
	struct sigv4_call **sent;              // the same
	enum transport_end *ends;
	struct err *errs;
	size_t count;
};

static void run_batch(struct sigv4_store *store, struct batch *batch, struct store_put_item **items, size_t count,
                      unsigned parallel, struct deadline deadline)
{
	for (size_t i = 0; i < count; i++) {
		struct store_put_item *item = items[i];
		struct sigv4_call *call = &batch->calls[i];
		item->rc = begin_put(call, &item->target, &item->body, &item->options, deadline, &item->err);
		if (item->rc == RC_OK)
			item->rc = sigv4_call_prepare(store, call, &item->err);
		if (item->rc != RC_OK)
			continue;
		batch->exchanges[batch->count] = &call->exchange;
		batch->items[batch->count] = item;
		batch->sent[batch->count++] = call;
	}
	transport_run_many(store->transport, batch->exchanges, batch->count, parallel, batch->ends, batch->errs);
	for (size_t i = 0; i < batch->count; i++) {
		struct store_put_item *item = batch->items[i];
		item->err = batch->errs[i];
		item->rc = sigv4_call_judge(store, batch->sent[i], batch->ends[i], &item->err);
		if (item->rc == RC_OK)
			memcpy(item->etag, batch->sent[i]->exchange.etag, sizeof item->etag);
	}
	for (size_t i = 0; i < count; i++)
		sigv4_call_done(&batch->calls[i]);
}

void sigv4_put_many(void *self, struct store_put_item **items, size_t count, unsigned parallel,
                    struct deadline deadline)
{
	struct batch batch = { .calls = calloc(count, sizeof *batch.calls),
		               .exchanges = calloc(count, sizeof *batch.exchanges),
		               .items = calloc(count, sizeof *batch.items),
		               .sent = calloc(count, sizeof *batch.sent),
		               .ends = calloc(count, sizeof *batch.ends),
		               .errs = calloc(count, sizeof *batch.errs) };
	if (batch.calls != NULL && batch.exchanges != NULL && batch.items != NULL && batch.sent != NULL &&
	    batch.ends != NULL && batch.errs != NULL)
		run_batch(self, &batch, items, count, parallel, deadline);
	else
		for (size_t i = 0; i < count; i++)
			items[i]->rc = err_set(&items[i]->err, RC_NO_MEMORY, "no memory for %zu objects", count);
	free(batch.calls);
	free(batch.exchanges);
	free(batch.items);
	free(batch.sent);
	free(batch.ends);
	free(batch.errs);
}

// Hands the call's arena, in which the metadata lie, over to the object.
static void take_object(struct sigv4_call *call, struct store_object *ret_object)
{
	const struct transport_exchange *exchange = &call->exchange;
	struct store_object object = { .modified_us = exchange->modified_us,
		                       .metadata = exchange->metadata,
		                       .metadata_count = exchange->metadata_count,
		                       .memory = call->memory };
	int64_t size = exchange->whole_length >= 0 ? exchange->whole_length : exchange->content_length;
	object.size = size < 0 ? 0 : (uint64_t)size;
	memcpy(object.etag, exchange->etag, sizeof object.etag);
	memcpy(object.content_type, exchange->content_type, sizeof object.content_type);
	memcpy(object.cache_control, exchange->cache_control, sizeof object.cache_control);
	call->memory = NULL;
	*ret_object = object;
}

enum rc sigv4_head(void *self, const struct store_target *target, struct deadline deadline,
                   struct store_object *ret_object, struct err *err)
{
	struct sigv4_call call;
	enum rc rc = sigv4_call_init(&call, "HEAD", target->bucket, target->key, deadline, err);
	if (rc == RC_OK)
		rc = sigv4_call_send(self, &call, err);
	if (rc == RC_OK && call.exchange.content_length < 0)
		rc = err_set(err, RC_CORRUPT, "the store tells no size of the object");
	if (rc == RC_OK)
		take_object(&call, ret_object);
	sigv4_call_done(&call);
	return rc;
}

static enum rc add_get_headers(struct sigv4_call *call, const struct store_get_options *options, struct err *err)
{
	char *range = NULL;
	char *etag = NULL;
	bool ranged = options->first > 0 || options->length > 0;
	if (options->length > 0 && options->first > UINT64_MAX - options->length)
		return err_set(err, RC_INVALID, "the range ends beyond 2^64");
	if (options->length > 0)
		range = arena_format(call->memory, "bytes=%" PRIu64 "-%" PRIu64, options->first,
		                     options->first + options->length - 1);
	else if (ranged)
		range = arena_format(call->memory, "bytes=%" PRIu64 "-", options->first);
	if (options->if_match != NULL)
		etag = sigv4_quote(call->memory, options->if_match);
	if ((ranged && range == NULL) || (options->if_match != NULL && etag == NULL))
		return err_set(err, RC_NO_MEMORY, "no memory for a request to the store");
	sigv4_call_header(call, "range", range);
	sigv4_call_header(call, "if-match", etag);
	return RC_OK;
}

enum rc sigv4_get(void *self, const struct store_target *target, const struct store_get_options *options,
                  struct store_sink *sink, struct deadline deadline, struct store_object *ret_object, struct err *err)
{
	struct sigv4_call call;
	enum rc rc = sigv4_call_init(&call, "GET", target->bucket, target->key, deadline, err);
	if (rc == RC_OK)
		rc = add_get_headers(&call, options, err);
	if (rc == RC_OK) {
		call.sink = sink;
		rc = sigv4_call_send(self, &call, err);
	}
	bool ranged = options->first > 0 || options->length > 0;
	if (rc == RC_OK && ranged && call.exchange.status != 206)
		rc = err_set(err, RC_CORRUPT, "the store sent the whole object instead of a range");
	if (rc == RC_OK)
		take_object(&call, ret_object);
	sigv4_call_done(&call);
	return rc;
}

enum rc sigv4_remove(void *self, const struct store_target *target, struct deadline deadline, struct err *err)
{
	struct sigv4_call call;
	enum rc rc = sigv4_call_init(&call, "DELETE", target->bucket, target->key, deadline, err);
	if (rc == RC_OK) {
		call.expect.changes = true;
		rc = sigv4_call_send(self, &call, err);
	}
	// Ceph tells when there was none, Amazon does not: the same to us. A missing bucket is another matter.
	if (rc == RC_NOT_FOUND && strcmp(call.code, "NoSuchKey") == 0)
		rc = RC_OK;
	sigv4_call_done(&call);
	return rc;
}

// The ETag inside a copy's answer, which may be an error though its status is 200.
static enum rc read_copy_result(struct sigv4_call *call, char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	const struct buffer *answer = &call->exchange.answer;
	struct xml_document *document = NULL;
	if (xml_parse(buffer_text(answer), answer->length, "CopyObjectResult", &document, NULL) != RC_OK)
		return s3_error_map(200, buffer_text(answer), answer->length, call->expect, call->code, err);
	sigv4_xml_etag(xml_root(document), "ETag", ret_etag);
	xml_free(&document);
	return RC_OK;
}

enum rc sigv4_copy(void *self, const struct store_target *from, const char *source_etag, const struct store_target *to,
                   struct deadline deadline, char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct sigv4_call call;
	enum rc rc = sigv4_call_init(&call, "PUT", to->bucket, to->key, deadline, err);
	char text[SIGV4_TARGET_SIZE];
	struct span source;
	span_init(&source, text, sizeof text);
	span_append_char(&source, '/');
	span_append_text(&source, from->bucket);
	span_append_char(&source, '/');
	span_append_percent(&source, from->key, true);
	if (rc == RC_OK) {
		char *etag = source_etag == NULL ? NULL : sigv4_quote(call.memory, source_etag);
		if (source_etag != NULL && etag == NULL)
			rc = err_set(err, RC_NO_MEMORY, "no memory for a request to the store");
		sigv4_call_header(&call, "x-amz-copy-source", text);
		sigv4_call_header(&call, "x-amz-copy-source-if-match", etag);
		// Ceph up to at least 16 knows the condition by this name only, and ignores the other without a word.
		sigv4_call_header(&call, "x-amz-copy-if-match", etag);
		call.expect.changes = true;
		call.patient = true;
	}
	if (rc == RC_OK)
		rc = sigv4_call_send(self, &call, err);
	if (rc == RC_OK)
		rc = read_copy_result(&call, ret_etag, err);
	sigv4_call_done(&call);
	return rc;
}
