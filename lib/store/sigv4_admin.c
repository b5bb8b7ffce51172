// The SigV4 driver's calls on buckets, and Ceph's topics (the SNS API on the store's own port).
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "store/sigv4_store.h"
#include "store/store_admin.h"
#include "store/xml.h"

// Amazon wants the region named, but not its first; Ceph's zone group "default" must not be named.
static bool needs_location(const struct sigv4_store *store)
{
	return strcmp(store->region, "us-east-1") != 0 && strcmp(store->region, "default") != 0;
}

enum rc sigv4_bucket_create(void *self, const char *bucket, struct deadline deadline, struct err *err)
{
	struct sigv4_store *store = self;
	struct buffer document;
	buffer_init(&document, 1024);
	if (needs_location(store)) {
		buffer_append_text(&document,
		                   "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
		xml_append_element(&document, "LocationConstraint", store->region);
		buffer_append_text(&document, "</CreateBucketConfiguration>");
	}
	struct sigv4_call call;
	struct store_body body;
	enum rc rc = sigv4_call_init(&call, "PUT", bucket, NULL, deadline, err);
	if (rc == RC_OK) {
		sigv4_call_document(&call, &body, &document, "application/xml");
		call.expect.changes = true;
		rc = sigv4_call_send(store, &call, err);
	}
	if (rc == RC_EXISTS && strcmp(call.code, "BucketAlreadyOwnedByYou") == 0)
		rc = RC_OK;
	sigv4_call_done(&call);
	buffer_done(&document);
	return rc;
}

enum rc sigv4_bucket_remove(void *self, const char *bucket, struct deadline deadline, struct err *err)
{
	struct sigv4_call call;
	enum rc rc = sigv4_call_init(&call, "DELETE", bucket, NULL, deadline, err);
	if (rc == RC_OK) {
		call.expect.changes = true;
		rc = sigv4_call_send(self, &call, err);
	}
	sigv4_call_done(&call);
	return rc;
}

enum rc sigv4_bucket_configure(void *self, const char *bucket, const char *what, const char *content_type,
                               const char *body_text, struct deadline deadline, struct err *err)
{
	struct sigv4_call call;
	struct store_body body;
	// Borrowed as a buffer: only read.
	struct buffer document = { .data = (char *)body_text, .length = body_text == NULL ? 0 : strlen(body_text) };
	enum rc rc = sigv4_call_init(&call, body_text != NULL ? "PUT" : "DELETE", bucket, NULL, deadline, err);
	if (rc == RC_OK) {
		sigv4_call_query(&call, what, "");
		if (body_text != NULL)
			sigv4_call_document(&call, &body, &document, content_type);
		call.expect.changes = true;
		rc = sigv4_call_send(self, &call, err);
	}
	sigv4_call_done(&call);
	return rc;
}

static void add_parameter(struct buffer *form, const char *name, const char *value)
{
	if (form->length > 0)
		buffer_append_char(form, '&');
	encode_percent(form, name, false);
	buffer_append_char(form, '=');
	encode_percent(form, value, false);
}

static void add_attribute(struct buffer *form, unsigned number, const char *name, const char *value)
{
	char parameter[64];
	(void)snprintf(parameter, sizeof parameter, "Attributes.entry.%u.key", number);
	add_parameter(form, parameter, name);
	(void)snprintf(parameter, sizeof parameter, "Attributes.entry.%u.value", number);
	add_parameter(form, parameter, value);
}

static enum rc read_topic(const struct buffer *answer, char *ret_arn, size_t arn_size, struct err *err)
{
	struct xml_document *document = NULL;
	enum rc rc = xml_parse(buffer_text(answer), answer->length, "CreateTopicResponse", &document, err);
	if (rc != RC_OK)
		return rc;
	const struct xml_node *result = xml_child(xml_root(document), "CreateTopicResult");
	if (!xml_child_copy(result, "TopicArn", ret_arn, arn_size))
		rc = err_set(err, RC_CORRUPT, "the store gave no ARN of the topic");
	xml_free(&document);
	return rc;
}

enum rc sigv4_topic_create(void *self, const struct store_topic *topic, struct deadline deadline, char *ret_arn,
                           size_t arn_size, struct err *err)
{
	struct buffer form;
	buffer_init(&form, 8192);
	add_parameter(&form, "Action", "CreateTopic");
	add_parameter(&form, "Version", "2010-03-31");
	add_parameter(&form, "Name", topic->name);
	add_attribute(&form, 1, "push-endpoint", topic->push_endpoint);
	if (topic->opaque != NULL)
		add_attribute(&form, 2, "OpaqueData", topic->opaque);
	struct sigv4_call call;
	struct store_body body;
	enum rc rc = sigv4_call_init(&call, "POST", NULL, NULL, deadline, err);
	if (rc == RC_OK && !buffer_ok(&form))
		rc = err_set(err, RC_LIMIT, "the topic's attributes are too long");
	if (rc == RC_OK) {
		sigv4_call_document(&call, &body, &form, "application/x-www-form-urlencoded; charset=utf-8");
		call.sns = true;
		call.expect.changes = true;
		rc = sigv4_call_send(self, &call, err);
	}
	if (rc == RC_OK)
		rc = read_topic(&call.exchange.answer, ret_arn, arn_size, err);
	sigv4_call_done(&call);
	if (form.data != NULL)
		crypto_wipe(form.data, form.length); // holds the opaque secret
	buffer_done(&form);
	return rc;
}
