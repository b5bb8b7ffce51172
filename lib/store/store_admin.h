// What `safelightctl store init` sets up, and what services ask at start: buckets, policies, CORS, lifecycle, events,
// capabilities. All of it may be repeated. The libs3 driver creates and deletes buckets alone (RC_INVALID else).
#pragma once

#include "store/store.h"

// RC_OK also when the bucket is ours already; RC_EXISTS when it is somebody else's.
enum rc store_bucket_create(struct store *store, const char *bucket, struct err *err) MUST_CHECK;
// RC_CONFLICT when it is not empty, RC_NOT_FOUND when there is none.
enum rc store_bucket_delete(struct store *store, const char *bucket, struct err *err) MUST_CHECK;

// Replaces the bucket's policy by this JSON document.
enum rc store_bucket_put_policy(struct store *store, const char *bucket, const char *policy,
                                struct err *err) MUST_CHECK;

// Pages of these origins ("https://app.example", or "*") may use these methods ("PUT", "POST", "GET", …) with any
// header, and read ETag and Location. Without origins the bucket's rules are removed.
struct store_cors {
	const char *const *origins;
	size_t origin_count;
	const char *const *methods;
	size_t method_count;
	unsigned max_age_seconds;
};
enum rc store_bucket_put_cors(struct store *store, const char *bucket, const struct store_cors *cors,
                              struct err *err) MUST_CHECK;

// Incomplete multipart uploads of the bucket are removed after so many days (>= 1). Replaces the bucket's lifecycle.
enum rc store_bucket_put_lifecycle(struct store *store, const char *bucket, unsigned abort_upload_days,
                                   struct err *err) MUST_CHECK;

#define STORE_ARN_SIZE 512

// A topic whose events the store posts to push_endpoint (Ceph RGW: CreateTopic of the SNS API on its own port).
struct store_topic {
	const char *name;          // [A-Za-z0-9_-]+
	const char *push_endpoint; // "http://127.0.0.1:8081/hooks/s3"
	const char *opaque;        // comes back as opaqueData in every event: a secret that authenticates; NULL: none
};
enum rc store_topic_create(struct store *store, const struct store_topic *topic, char ret_arn[STORE_ARN_SIZE],
                           struct err *err) MUST_CHECK;

// Object-created events of the bucket go to the topic. Replaces the notification of that id.
enum rc store_bucket_put_notification(struct store *store, const char *bucket, const char *id, const char *topic_arn,
                                      struct err *err) MUST_CHECK;

// What this store really does, tried out.
struct store_capabilities {
	bool put_if_absent; // If-None-Match: * on PUT is refused when the object is there (also in presigned URLs)
	bool content_md5;   // a wrong Content-MD5 is refused
	bool get_if_match;  // If-Match on GET
	bool copy_if_match; // x-amz-copy-source-if-match
	bool multipart;     // uploads can be begun and aborted
};

// Tries each on random keys under ".probe/" of the bucket, written and read by store and removed by remover (may be the
// same; for credentials that may write but not delete). An error means that nothing was learnt.
enum rc store_probe(struct store *store, struct store *remover, const char *bucket,
                    struct store_capabilities *ret_capabilities, struct err *err) MUST_CHECK;
