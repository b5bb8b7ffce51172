// The SigV4 driver's calls on many objects: listing (ListObjectsV2) and deleting (DeleteObjects).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "store/sigv4_store.h"
#include "store/sigv4_xml.h"
#include "store/xml.h"

// A key takes at most three times its length in the answer; beside it stand size, date, ETag, owner.
#define LIST_MEMORY ((LIMIT_OBJECT_KEY_BYTES + 256) * (STORE_LIST_PAGE + 8))

static enum rc read_entry(const struct xml_node *node, bool encoded, struct arena *memory,
                          struct store_entry *ret_entry, struct err *err)
{
	struct store_entry entry = { 0 };
	enum rc rc = sigv4_xml_text(node, "Key", encoded, memory, &entry.key, err);
	if (rc != RC_OK)
		return rc;
	if (!xml_child_number(node, "Size", &entry.size))
		return err_set(err, RC_CORRUPT, "the store lists an object without its size");
	entry.modified_us = sigv4_xml_time(node, "LastModified");
	sigv4_xml_etag(node, "ETag", entry.etag);
	*ret_entry = entry;
	return RC_OK;
}

static enum rc read_page(const struct xml_node *root, struct store_page *page, struct err *err)
{
	bool encoded = xml_child(root, "EncodingType") != NULL;
	size_t count = 0;
	for (const struct xml_node *node = xml_child(root, "Contents"); node != NULL; node = xml_next(node))
		count++;
	if (count > STORE_LIST_PAGE)
		return err_set(err, RC_CORRUPT, "the store lists %zu objects on a page", count);
	page->entries = arena_alloc(page->memory, count * sizeof page->entries[0]);
	if (page->entries == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for %zu entries", count);
	for (const struct xml_node *node = xml_child(root, "Contents"); node != NULL; node = xml_next(node)) {
		enum rc rc = read_entry(node, encoded, page->memory, &page->entries[page->count], err);
		if (rc != RC_OK)
			return rc;
		page->count++;
	}
	// Not the store's own token: Ceph writes the raw key into it, which XML cannot hold when it has control
	// characters.
	if (xml_child_is_true(root, "IsTruncated") && page->count > 0)
		page->continuation = page->entries[page->count - 1].key;
	return RC_OK;
}

// True at "&#x01;" and "&#1;": a reference to what XML 1.0 has no place for.
static bool is_control_reference(const char *text)
{
	if (text[0] != '&' || text[1] != '#')
		return false;
	char *end;
	unsigned long number = text[2] == 'x' ? strtoul(text + 3, &end, 16) : strtoul(text + 2, &end, 10);
	return *end == ';' && number < ' ';
}

// Everything that we read is percent-encoded; what is not (see above) must not make the document unreadable.
static void blank_control_characters(struct buffer *answer)
{
	for (size_t i = 0; i < answer->length; i++)
		if ((unsigned char)answer->data[i] < ' ' || is_control_reference(answer->data + i))
			answer->data[i] = ' ';
}

static enum rc read_list(struct buffer *answer, struct store_page *ret_page, struct err *err)
{
	struct xml_document *document = NULL;
	blank_control_characters(answer);
	enum rc rc = xml_parse(buffer_text(answer), answer->length, "ListBucketResult", &document, err);
	if (rc != RC_OK)
		return rc;
	struct store_page page = { .memory = arena_new(LIST_MEMORY) };
	if (page.memory == NULL)
		rc = err_set(err, RC_NO_MEMORY, "no memory for a page");
	else
		rc = read_page(xml_root(document), &page, err);
	xml_free(&document);
	if (rc == RC_OK)
		*ret_page = page;
	else
		store_page_done(&page);
	return rc;
}

enum rc sigv4_list(void *self, const char *bucket, const struct store_list_options *options, struct deadline deadline,
                   struct store_page *ret_page, struct err *err)
{
	struct sigv4_call call;
	char page_size[16];
	(void)snprintf(page_size, sizeof page_size, "%u", options->page_size);
	enum rc rc = sigv4_call_init(&call, "GET", bucket, NULL, deadline, err);
	if (rc == RC_OK) {
		sigv4_call_query(&call, "list-type", "2");
		sigv4_call_query(&call, "encoding-type", "url");
		sigv4_call_query(&call, "max-keys", page_size);
		sigv4_call_query(&call, "prefix", options->prefix);
		sigv4_call_query(&call, "start-after",
		                 options->continuation != NULL ? options->continuation : options->start_after);
		rc = sigv4_call_send(self, &call, err);
	}
	if (rc == RC_OK)
		rc = read_list(&call.exchange.answer, ret_page, err);
	sigv4_call_done(&call);
	return rc;
}

// Errors of single keys inside a 200 answer; the others are gone.
static enum rc read_delete_result(const struct sigv4_call *call, size_t count, size_t *ret_deleted, struct err *err)
{
	struct xml_document *document = NULL;
	const struct buffer *answer = &call->exchange.answer;
	enum rc rc = xml_parse(buffer_text(answer), answer->length, "DeleteResult", &document, err);
	if (rc != RC_OK)
		return rc;
	size_t failed = 0;
	const struct xml_node *error = xml_child(xml_root(document), "Error");
	for (const struct xml_node *node = error; node != NULL; node = xml_next(node)) {
		char code[S3_ERROR_CODE_SIZE] = "";
		(void)xml_child_copy(node, "Code", code, sizeof code);
		if (strcmp(code, "NoSuchKey") == 0)
			continue;
		failed++;
		if (rc == RC_OK)
			rc = err_set(err, strcmp(code, "AccessDenied") == 0 ? RC_DENIED : RC_UNAVAILABLE,
			             "an object could not be deleted: %s", code);
	}
	xml_free(&document);
	*ret_deleted = failed < count ? count - failed : 0;
	return rc;
}

enum rc sigv4_remove_many(void *self, const char *bucket, const char *const *keys, size_t count,
                          struct deadline deadline, size_t *ret_deleted, struct err *err)
{
	struct buffer document;
	buffer_init(&document, XML_BYTES_MAX);
	buffer_append_text(&document, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
	for (size_t i = 0; i < count; i++) {
		buffer_append_text(&document, "<Object>");
		xml_append_element(&document, "Key", keys[i]);
		buffer_append_text(&document, "</Object>");
	}
	buffer_append_text(&document, "</Delete>");
	struct sigv4_call call;
	struct store_body body;
	enum rc rc = sigv4_call_init(&call, "POST", bucket, NULL, deadline, err);
	if (rc == RC_OK && !buffer_ok(&document))
		rc = err_set(err, RC_NO_MEMORY, "no memory for the list of keys");
	if (rc == RC_OK) {
		sigv4_call_query(&call, "delete", "");
		sigv4_call_document(&call, &body, &document, "application/xml");
		call.expect.changes = true;
		rc = sigv4_call_send(self, &call, err);
	}
	if (rc == RC_OK)
		rc = read_delete_result(&call, count, ret_deleted, err);
	sigv4_call_done(&call);
	buffer_done(&document);
	return rc;
}
