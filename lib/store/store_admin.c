// Buckets, their documents, events: the XML is made here, the driver carries it.
#include "store/store_admin.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "store/store_driver.h"
#include "store/xml.h"

#define NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"
#define DOCUMENT_MAX (64 * 1024)

struct admin_call {
	const char *bucket;
	const char *what;
	const char *content_type;
	const char *document;
	const struct store_topic *topic;
	char arn[STORE_ARN_SIZE];
};

static enum rc attempt_create(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	const struct admin_call *call = context;
	return store->driver->bucket_create(store->self, call->bucket, deadline, err);
}

static enum rc attempt_remove(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	const struct admin_call *call = context;
	return store->driver->bucket_remove(store->self, call->bucket, deadline, err);
}

static enum rc attempt_configure(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	const struct admin_call *call = context;
	return store->driver->bucket_configure(store->self, call->bucket, call->what, call->content_type,
	                                       call->document, deadline, err);
}

static enum rc attempt_topic(struct store *store, void *context, struct deadline deadline, struct err *err)
{
	struct admin_call *call = context;
	return store->driver->topic_create(store->self, call->topic, deadline, call->arn, sizeof call->arn, err);
}

enum rc store_bucket_create(struct store *store, const char *bucket, struct err *err)
{
	struct admin_call call = { .bucket = bucket };
	if (store->driver->bucket_create == NULL)
		return store_cannot(store, "create buckets", err);
	enum rc rc = store_check_names(bucket, NULL, err);
	return rc != RC_OK ? rc : store_run(store, STORE_CALL_ADMIN, STORE_REPEAT_ANY, 0, attempt_create, &call, err);
}

enum rc store_bucket_delete(struct store *store, const char *bucket, struct err *err)
{
	struct admin_call call = { .bucket = bucket };
	if (store->driver->bucket_remove == NULL)
		return store_cannot(store, "delete buckets", err);
	enum rc rc = store_check_names(bucket, NULL, err);
	return rc != RC_OK ? rc
	                   : store_run(store, STORE_CALL_ADMIN, STORE_REPEAT_UNDONE, 0, attempt_remove, &call, err);
}

static enum rc configure(struct store *store, const char *bucket, const char *what, const char *content_type,
                         const char *document, struct err *err)
{
	struct admin_call call = { .bucket = bucket, .what = what, .content_type = content_type, .document = document };
	if (store->driver->bucket_configure == NULL)
		return store_cannot(store, "configure buckets", err);
	enum rc rc = store_check_names(bucket, NULL, err);
	return rc != RC_OK ? rc
	                   : store_run(store, STORE_CALL_ADMIN, STORE_REPEAT_ANY, 0, attempt_configure, &call, err);
}

// Sends a document that was built in a buffer, and frees it.
static enum rc configure_with(struct store *store, const char *bucket, const char *what, struct buffer *document,
                              struct err *err)
{
	enum rc rc = buffer_ok(document) ? configure(store, bucket, what, "application/xml", buffer_text(document), err)
	                                 : err_set(err, RC_LIMIT, "the bucket's %s document is too long", what);
	buffer_done(document);
	return rc;
}

enum rc store_bucket_put_policy(struct store *store, const char *bucket, const char *policy, struct err *err)
{
	return configure(store, bucket, "policy", "application/json", policy, err);
}

enum rc store_bucket_put_cors(struct store *store, const char *bucket, const struct store_cors *cors, struct err *err)
{
	if (cors->origin_count == 0)
		return configure(store, bucket, "cors", NULL, NULL, err);
	struct buffer document;
	buffer_init(&document, DOCUMENT_MAX);
	buffer_append_text(&document, "<CORSConfiguration xmlns=\"" NAMESPACE "\"><CORSRule>");
	for (size_t i = 0; i < cors->origin_count; i++)
		xml_append_element(&document, "AllowedOrigin", cors->origins[i]);
	for (size_t i = 0; i < cors->method_count; i++)
		xml_append_element(&document, "AllowedMethod", cors->methods[i]);
	xml_append_element(&document, "AllowedHeader", "*");
	xml_append_element(&document, "ExposeHeader", "ETag");
	xml_append_element(&document, "ExposeHeader", "Location");
	buffer_append_format(&document, "<MaxAgeSeconds>%u</MaxAgeSeconds></CORSRule></CORSConfiguration>",
	                     cors->max_age_seconds);
	return configure_with(store, bucket, "cors", &document, err);
}

enum rc store_bucket_put_lifecycle(struct store *store, const char *bucket, unsigned abort_upload_days, struct err *err)
{
	if (abort_upload_days < 1)
		return err_set(err, RC_INVALID, "uploads can be aborted after 1 day at the earliest");
	struct buffer document;
	buffer_init(&document, DOCUMENT_MAX);
	buffer_append_format(&document,
	                     "<LifecycleConfiguration xmlns=\"" NAMESPACE "\"><Rule><ID>abort-incomplete-uploads</ID>"
	                     "<Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
	                     "<AbortIncompleteMultipartUpload><DaysAfterInitiation>%u</DaysAfterInitiation>"
	                     "</AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>",
	                     abort_upload_days);
	return configure_with(store, bucket, "lifecycle", &document, err);
}

enum rc store_topic_create(struct store *store, const struct store_topic *topic, char ret_arn[STORE_ARN_SIZE],
                           struct err *err)
{
	struct admin_call call = { .topic = topic };
	if (store->driver->topic_create == NULL)
		return store_cannot(store, "create topics", err);
	for (const char *at = topic->name; *at != '\0'; at++) {
		bool alphanumeric =
		        (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
		if (!alphanumeric && *at != '-' && *at != '_')
			return err_set(err, RC_INVALID, "\"%.80s\" is no topic name", topic->name);
	}
	enum rc rc = store_run(store, STORE_CALL_ADMIN, STORE_REPEAT_ANY, 0, attempt_topic, &call, err);
	if (rc == RC_OK)
		memcpy(ret_arn, call.arn, sizeof call.arn);
	return rc;
}

enum rc store_bucket_put_notification(struct store *store, const char *bucket, const char *id, const char *topic_arn,
                                      struct err *err)
{
	struct buffer document;
	buffer_init(&document, DOCUMENT_MAX);
	buffer_append_text(&document, "<NotificationConfiguration xmlns=\"" NAMESPACE "\"><TopicConfiguration>");
	xml_append_element(&document, "Id", id);
	xml_append_element(&document, "Topic", topic_arn);
	xml_append_element(&document, "Event", "s3:ObjectCreated:*");
	buffer_append_text(&document, "</TopicConfiguration></NotificationConfiguration>");
	return configure_with(store, bucket, "notification", &document, err);
}
