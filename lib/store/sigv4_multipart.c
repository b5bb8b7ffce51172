// The SigV4 driver's multipart uploads.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "store/sigv4_store.h"
#include "store/sigv4_xml.h"

enum rc sigv4_upload_create(void *self, const struct store_target *target, const struct store_put_options *options,
                            struct deadline deadline, char ret_upload_id[STORE_UPLOAD_ID_SIZE], struct err *err)
{
	struct sigv4_call call;
	enum rc rc = sigv4_call_init(&call, "POST", target->bucket, target->key, deadline, err);
	if (rc == RC_OK) {
		sigv4_call_query(&call, "uploads", "");
		call.expect.changes = true;
		rc = sigv4_call_describe(&call, options, err);
	}
	if (rc == RC_OK)
		rc = sigv4_call_send(self, &call, err);
	struct xml_document *document = NULL;
	const struct buffer *answer = &call.exchange.answer;
	if (rc == RC_OK)
		rc = xml_parse(buffer_text(answer), answer->length, "InitiateMultipartUploadResult", &document, err);
	char upload_id[STORE_UPLOAD_ID_SIZE] = "";
	if (rc == RC_OK &&
	    (!xml_child_copy(xml_root(document), "UploadId", upload_id, sizeof upload_id) || upload_id[0] == '\0'))
		rc = err_set(err, RC_CORRUPT, "the store gave no usable upload id");
	if (rc == RC_OK)
		memcpy(ret_upload_id, upload_id, sizeof upload_id);
	xml_free(&document);
	sigv4_call_done(&call);
	return rc;
}

enum rc sigv4_upload_put_part(void *self, const struct store_target *target, const char *upload_id, unsigned number,
                              const struct store_body *body, const uint8_t *content_md5, struct deadline deadline,
                              char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct sigv4_call call;
	char number_text[16];
	(void)snprintf(number_text, sizeof number_text, "%u", number);
	enum rc rc = sigv4_call_init(&call, "PUT", target->bucket, target->key, deadline, err);
	if (rc == RC_OK) {
		sigv4_call_query(&call, "partNumber", number_text);
		sigv4_call_query(&call, "uploadId", upload_id);
		call.expect.changes = true;
		rc = sigv4_call_body(&call, body, content_md5, err);
	}
	if (rc == RC_OK)
		rc = sigv4_call_send(self, &call, err);
	if (rc == RC_OK)
		memcpy(ret_etag, call.exchange.etag, STORE_ETAG_SIZE);
	sigv4_call_done(&call);
	return rc;
}

static enum rc read_part(const struct xml_node *node, struct store_part *ret_part, struct err *err)
{
	uint64_t number;
	uint64_t size;
	if (!xml_child_number(node, "PartNumber", &number) || number < 1 || number > STORE_PARTS_MAX ||
	    !xml_child_number(node, "Size", &size))
		return err_set(err, RC_CORRUPT, "the store lists a part without number or size");
	*ret_part = (struct store_part){ .number = (unsigned)number, .size = size };
	sigv4_xml_etag(node, "ETag", ret_part->etag);
	return RC_OK;
}

static enum rc read_parts(const struct xml_node *root, struct store_parts *ret_parts, unsigned *ret_last,
                          struct err *err)
{
	size_t count = 0;
	for (const struct xml_node *node = xml_child(root, "Part"); node != NULL; node = xml_next(node))
		count++;
	struct store_parts parts = { .parts = calloc(count + 1, sizeof *parts.parts) };
	if (parts.parts == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for %zu parts", count);
	enum rc rc = RC_OK;
	const struct xml_node *node = xml_child(root, "Part");
	for (; node != NULL && rc == RC_OK; node = xml_next(node)) {
		rc = read_part(node, &parts.parts[parts.count], err);
		if (rc == RC_OK)
			parts.count++;
	}
	if (rc != RC_OK) {
		store_parts_done(&parts);
		return rc;
	}
	bool more = xml_child_is_true(root, "IsTruncated") && parts.count > 0;
	*ret_last = more ? parts.parts[parts.count - 1].number : 0;
	*ret_parts = parts;
	return RC_OK;
}

enum rc sigv4_upload_list_parts(void *self, const struct store_target *target, const char *upload_id, unsigned after,
                                struct deadline deadline, struct store_parts *ret_parts, unsigned *ret_last,
                                struct err *err)
{
	struct sigv4_call call;
	char after_text[16];
	(void)snprintf(after_text, sizeof after_text, "%u", after);
	enum rc rc = sigv4_call_init(&call, "GET", target->bucket, target->key, deadline, err);
	if (rc == RC_OK) {
		sigv4_call_query(&call, "uploadId", upload_id);
		sigv4_call_query(&call, "max-parts", "1000");
		sigv4_call_query(&call, "part-number-marker", after > 0 ? after_text : NULL);
		rc = sigv4_call_send(self, &call, err);
	}
	struct xml_document *document = NULL;
	const struct buffer *answer = &call.exchange.answer;
	if (rc == RC_OK)
		rc = xml_parse(buffer_text(answer), answer->length, "ListPartsResult", &document, err);
	if (rc == RC_OK)
		rc = read_parts(xml_root(document), ret_parts, ret_last, err);
	xml_free(&document);
	sigv4_call_done(&call);
	return rc;
}

static enum rc read_completed(struct sigv4_call *call, char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	const struct buffer *answer = &call->exchange.answer;
	struct xml_document *document = NULL;
	if (xml_parse(buffer_text(answer), answer->length, "CompleteMultipartUploadResult", &document, NULL) != RC_OK)
		return s3_error_map(200, buffer_text(answer), answer->length, call->expect, call->code, err);
	sigv4_xml_etag(xml_root(document), "ETag", ret_etag);
	xml_free(&document);
	return RC_OK;
}

static void write_completion(const struct store_part *parts, size_t count, struct buffer *out)
{
	buffer_append_text(out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < count; i++) {
		buffer_append_format(out, "<Part><PartNumber>%u</PartNumber><ETag>&quot;", parts[i].number);
		xml_append_escaped(out, parts[i].etag);
		buffer_append_text(out, "&quot;</ETag></Part>");
	}
	buffer_append_text(out, "</CompleteMultipartUpload>");
}

enum rc sigv4_upload_complete(void *self, const struct store_target *target, const char *upload_id,
                              const struct store_part *parts, size_t count, struct deadline deadline,
                              char ret_etag[STORE_ETAG_SIZE], struct err *err)
{
	struct buffer document;
	buffer_init(&document, XML_BYTES_MAX);
	write_completion(parts, count, &document);
	struct sigv4_call call;
	struct store_body body;
	enum rc rc = sigv4_call_init(&call, "POST", target->bucket, target->key, deadline, err);
	if (rc == RC_OK && !buffer_ok(&document))
		rc = err_set(err, RC_NO_MEMORY, "no memory for the list of parts");
	if (rc == RC_OK) {
		sigv4_call_query(&call, "uploadId", upload_id);
		sigv4_call_document(&call, &body, &document, "application/xml");
		call.expect.changes = true;
		call.patient = true;
		rc = sigv4_call_send(self, &call, err);
	}
	if (rc == RC_OK)
		rc = read_completed(&call, ret_etag, err);
	sigv4_call_done(&call);
	buffer_done(&document);
	return rc;
}

enum rc sigv4_upload_abort(void *self, const struct store_target *target, const char *upload_id,
                           struct deadline deadline, struct err *err)
{
	struct sigv4_call call;
	enum rc rc = sigv4_call_init(&call, "DELETE", target->bucket, target->key, deadline, err);
	if (rc == RC_OK) {
		sigv4_call_query(&call, "uploadId", upload_id);
		call.expect.changes = true;
		rc = sigv4_call_send(self, &call, err);
	}
	sigv4_call_done(&call);
	return rc;
}

// ---- listing uploads: its continuation is two markers, written as "key&upload id", each percent-encoded
// ----------------

#define UPLOAD_LIST_MEMORY ((LIMIT_OBJECT_KEY_BYTES + STORE_UPLOAD_ID_SIZE + 128) * (STORE_LIST_PAGE + 8))

static enum rc write_continuation(const struct xml_node *root, bool encoded, struct arena *memory,
                                  const char **ret_continuation, struct err *err)
{
	const char *key;
	const char *upload_id;
	enum rc rc = sigv4_xml_text(root, "NextKeyMarker", encoded, memory, &key, err);
	if (rc == RC_OK)
		rc = sigv4_xml_text(root, "NextUploadIdMarker", false, memory, &upload_id, err);
	if (rc != RC_OK)
		return rc;
	struct buffer text;
	buffer_init(&text, 8192);
	encode_percent(&text, key, false);
	buffer_append_char(&text, '&');
	encode_percent(&text, upload_id, false);
	*ret_continuation = buffer_ok(&text) ? arena_copy_text(memory, buffer_text(&text)) : NULL;
	buffer_done(&text);
	return *ret_continuation != NULL ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for a continuation");
}

static const char *decode_marker(struct arena *memory, const char *text, size_t length)
{
	struct buffer decoded;
	buffer_init(&decoded, 4096);
	const char *copy = NULL;
	if (decode_percent(&decoded, text, length, false) && buffer_ok(&decoded))
		copy = arena_copy_text(memory, buffer_text(&decoded));
	buffer_done(&decoded);
	return copy;
}

static enum rc add_continuation(struct sigv4_call *call, const char *continuation, struct err *err)
{
	if (continuation == NULL)
		return RC_OK;
	const char *separator = strchr(continuation, '&');
	const char *key = NULL;
	const char *upload_id = NULL;
	if (separator != NULL) {
		key = decode_marker(call->memory, continuation, (size_t)(separator - continuation));
		upload_id = decode_marker(call->memory, separator + 1, strlen(separator + 1));
	}
	if (key == NULL || upload_id == NULL)
		return err_set(err, RC_INVALID, "that is no continuation of a list of uploads");
	sigv4_call_query(call, "key-marker", key);
	sigv4_call_query(call, "upload-id-marker", upload_id);
	return RC_OK;
}

static enum rc read_uploads(const struct xml_node *root, struct store_upload_page *page, struct err *err)
{
	bool encoded = xml_child(root, "EncodingType") != NULL;
	size_t count = 0;
	for (const struct xml_node *node = xml_child(root, "Upload"); node != NULL; node = xml_next(node))
		count++;
	if (count > STORE_LIST_PAGE)
		return err_set(err, RC_CORRUPT, "the store lists %zu uploads on a page", count);
	page->uploads = arena_alloc(page->memory, count * sizeof page->uploads[0]);
	if (page->uploads == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for %zu uploads", count);
	for (const struct xml_node *node = xml_child(root, "Upload"); node != NULL; node = xml_next(node)) {
		struct store_upload *upload = &page->uploads[page->count];
		enum rc rc = sigv4_xml_text(node, "Key", encoded, page->memory, &upload->key, err);
		if (rc == RC_OK)
			rc = sigv4_xml_text(node, "UploadId", false, page->memory, &upload->upload_id, err);
		if (rc != RC_OK)
			return rc;
		upload->initiated_us = sigv4_xml_time(node, "Initiated");
		page->count++;
	}
	if (!xml_child_is_true(root, "IsTruncated"))
		return RC_OK;
	return write_continuation(root, encoded, page->memory, &page->continuation, err);
}

static enum rc read_upload_page(const struct buffer *answer, struct store_upload_page *ret_page, struct err *err)
{
	struct xml_document *document = NULL;
	enum rc rc = xml_parse(buffer_text(answer), answer->length, "ListMultipartUploadsResult", &document, err);
	if (rc != RC_OK)
		return rc;
	struct store_upload_page page = { .memory = arena_new(UPLOAD_LIST_MEMORY) };
	if (page.memory == NULL)
		rc = err_set(err, RC_NO_MEMORY, "no memory for a page");
	else
		rc = read_uploads(xml_root(document), &page, err);
	xml_free(&document);
	if (rc == RC_OK)
		*ret_page = page;
	else
		store_upload_page_done(&page);
	return rc;
}

enum rc sigv4_upload_list(void *self, const char *bucket, const struct store_list_options *options,
                          struct deadline deadline, struct store_upload_page *ret_page, struct err *err)
{
	struct sigv4_call call;
	char page_size[16];
	(void)snprintf(page_size, sizeof page_size, "%u", options->page_size);
	enum rc rc = sigv4_call_init(&call, "GET", bucket, NULL, deadline, err);
	if (rc == RC_OK) {
		sigv4_call_query(&call, "uploads", "");
		// No encoding-type: Ceph encodes then without saying so, and XML holds every key that we write.
		sigv4_call_query(&call, "max-uploads", page_size);
		sigv4_call_query(&call, "prefix", options->prefix);
		rc = add_continuation(&call, options->continuation, err);
	}
	if (rc == RC_OK)
		rc = sigv4_call_send(self, &call, err);
	if (rc == RC_OK)
		rc = read_upload_page(&call.exchange.answer, ret_page, err);
	sigv4_call_done(&call);
	return rc;
}
