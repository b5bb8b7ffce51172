// safelightctl store init: buckets, who may do what in them, CORS, clean-up of parts, and events to ingest. Repeatable.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/settings.h"
#include "safelightctl/command.h"
#include "safelightctl/report.h"
#include "store/store.h"
#include "store/store_admin.h"

#define POLICY_BYTES (16 * 1024)
#define ORIGINS_MAX 32
#define DAY_SECONDS 86400

// One line of a bucket's policy: who may do what.
struct grant {
	const char *access_key; // the user of that name, as the store's policies call it
	const char *actions[8]; // NULL-terminated
};

static void write_statement(struct json_write *json, const char *bucket, const struct grant *grant)
{
	char resource[160], principal[160];
	(void)snprintf(principal, sizeof principal, "arn:aws:iam:::user/%s", grant->access_key);
	json_write_object_begin(json, NULL);
	json_write_text(json, "Effect", "Allow");
	json_write_object_begin(json, "Principal");
	json_write_text(json, "AWS", principal);
	json_write_object_end(json);
	json_write_array_begin(json, "Action");
	for (const char *const *action = grant->actions; *action != NULL; action++)
		json_write_text(json, NULL, *action);
	json_write_array_end(json);
	json_write_array_begin(json, "Resource");
	(void)snprintf(resource, sizeof resource, "arn:aws:s3:::%s", bucket);
	json_write_text(json, NULL, resource);
	(void)snprintf(resource, sizeof resource, "arn:aws:s3:::%s/*", bucket);
	json_write_text(json, NULL, resource);
	json_write_array_end(json);
	json_write_object_end(json);
}

static enum rc put_policy(struct store *store, const char *bucket, const struct grant *grants, size_t count,
                          struct err *err)
{
	struct buffer policy;
	struct json_write json;
	buffer_init(&policy, POLICY_BYTES);
	json_write_init(&json, &policy);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "Version", "2012-10-17");
	json_write_array_begin(&json, "Statement");
	for (size_t i = 0; i < count; i++)
		write_statement(&json, bucket, &grants[i]);
	json_write_array_end(&json);
	json_write_object_end(&json);
	enum rc rc = buffer_ok(&policy) ? store_bucket_put_policy(store, bucket, buffer_text(&policy), err)
	                                : err_set(err, RC_LIMIT, "the policy of %s is too long", bucket);
	buffer_done(&policy);
	return rc;
}

// The store's own removal of unfinished uploads stands behind the reconciler's: it must not come before their end.
static unsigned abort_upload_days(const struct settings *settings)
{
	int64_t most = settings->ingest_multipart_seconds + settings->ingest_expiry_grace_seconds;
	return (unsigned)(1 + most / DAY_SECONDS);
}

static enum rc init_originals(struct store *store, const struct settings *settings, struct err *err)
{
	// The key that signs uploads can put and nothing else; ingest checks, lists and removes; the transcoder and
	// the edge read by key: the edge what a signed URL names, and nobody can guess the names.
	const struct grant grants[] = {
		{ settings->ingest_presign_access_key, { "s3:PutObject", NULL } },
		{ settings->ingest_access_key,
		  { "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:ListBucketMultipartUploads",
		    "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", NULL } },
		{ settings->transcoder_access_key, { "s3:GetObject", NULL } },
		{ settings->edge_access_key, { "s3:GetObject", NULL } },
	};
	const char *bucket = settings->store_originals_bucket;
	enum rc rc = store_bucket_create(store, bucket, err);
	if (rc == RC_OK)
		rc = put_policy(store, bucket, grants, sizeof grants / sizeof grants[0], err);
	if (rc == RC_OK)
		rc = store_bucket_put_lifecycle(store, bucket, abort_upload_days(settings), err);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "bucket %s", bucket);
}

static enum rc init_media(struct store *store, const struct settings *settings, struct err *err)
{
	const struct grant grants[] = {
		{ settings->transcoder_access_key, { "s3:PutObject", "s3:GetObject", NULL } },
		{ settings->ingest_access_key, { "s3:GetObject", "s3:DeleteObject", "s3:ListBucket", NULL } },
		{ settings->edge_access_key, { "s3:GetObject", NULL } },
	};
	const char *bucket = settings->store_media_bucket;
	enum rc rc = store_bucket_create(store, bucket, err);
	if (rc == RC_OK)
		rc = put_policy(store, bucket, grants, sizeof grants / sizeof grants[0], err);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "bucket %s", bucket);
}

// Pages of these origins may upload to presigned URLs.
static enum rc init_cors(struct store *store, const struct settings *settings, struct err *err)
{
	static const char *const METHODS[] = { "PUT", "POST" };
	char origins[4096];
	const char *list[ORIGINS_MAX];
	size_t count = 0;
	(void)snprintf(origins, sizeof origins, "%s", settings->store_cors_origins);
	char *rest = origins;
	for (char *origin; count < ORIGINS_MAX && (origin = strsep(&rest, ", ")) != NULL;)
		if (origin[0] != '\0')
			list[count++] = origin;
	const struct store_cors cors = {
		.origins = list, .origin_count = count, .methods = METHODS, .method_count = 2, .max_age_seconds = 3600
	};
	enum rc rc = store_bucket_put_cors(store, settings->store_originals_bucket, &cors, err);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "CORS");
}

static enum rc init_events(struct store *store, const struct settings *settings, struct err *err)
{
	const struct store_topic topic = { .name = "safelight-uploads",
		                           .push_endpoint = settings->ingest_hook_url,
		                           .opaque = settings->ingest_hook_token };
	char arn[STORE_ARN_SIZE];
	enum rc rc = store_topic_create(store, &topic, arn, err);
	if (rc == RC_OK)
		rc = store_bucket_put_notification(store, settings->store_originals_bucket, "safelight-uploads", arn,
		                                   err);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "events");
}

static void show(const struct call *call)
{
	const struct settings *settings = call->settings;
	json_t *document =
	        json_pack("{s:[s, s]}", "buckets", settings->store_originals_bucket, settings->store_media_bucket);
	if (call->json)
		report_json(document);
	else
		(void)printf("buckets %s and %s are set up\n", settings->store_originals_bucket,
		             settings->store_media_bucket);
	json_decref(document);
}

static enum rc run(const struct call *call, struct err *err)
{
	const struct settings *settings = call->settings;
	struct store *store = NULL;
	enum rc rc = store_open_configured(settings, settings->admin_access_key, settings->admin_secret_key, NULL,
	                                   &store, err);
	if (rc != RC_OK)
		return rc;
	rc = init_originals(store, settings, err);
	if (rc == RC_OK)
		rc = init_media(store, settings, err);
	if (rc == RC_OK)
		rc = init_cors(store, settings, err);
	if (rc == RC_OK)
		rc = init_events(store, settings, err);
	if (rc == RC_OK)
		show(call);
	store_free(store);
	return rc;
}

const struct command command_store_init = {
	.name = "store init",
	.arguments = "",
	.summary = "set up buckets, policies, CORS, clean-up and events (repeatable)",
	.secrets = "admin.secret_key ingest.hook_token",
	.run = run,
};
