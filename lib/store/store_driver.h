// What a driver of the object store provides. Private to lib/store.
//
// Arguments are checked before (bucket and key are well-formed, options and outputs are never NULL), retries happen
// above. A driver makes one attempt and tells: RC_UNAVAILABLE or RC_TIMEOUT when nothing can have happened or the call
// changes nothing, RC_UNKNOWN when a change was sent and its outcome is not known. Any thread, all at once.
#pragma once

#include "base/clock.h"
#include "base/retry.h"
#include "store/store.h"
#include "store/store_call.h"
#include "store/store_multipart.h"
#include "store/store_presign.h"

struct metric;
struct store_sink;
struct store_topic;

// A NULL function means that the driver cannot: the caller gets RC_INVALID, or (marked *) the core does without.
struct store_driver {
	const char *name;
	void (*free)(void *self);
	int64_t (*clock_skew_ms)(const void *self); // * 0

	enum rc (*put)(void *self, const struct store_target *target, const struct store_body *body,
	               const struct store_put_options *options, struct deadline deadline,
	               char ret_etag[STORE_ETAG_SIZE], struct err *err);
	// * one by one. Writes rc, err and etag of each item.
	void (*put_many)(void *self, struct store_put_item **items, size_t count, unsigned parallel,
	                 struct deadline deadline);
	enum rc (*head)(void *self, const struct store_target *target, struct deadline deadline,
	                struct store_object *ret_object, struct err *err);
	enum rc (*get)(void *self, const struct store_target *target, const struct store_get_options *options,
	               struct store_sink *sink, struct deadline deadline, struct store_object *ret_object,
	               struct err *err);
	enum rc (*remove)(void *self, const struct store_target *target, struct deadline deadline, struct err *err);
	// * one by one. At most STORE_LIST_PAGE keys; *ret_deleted is written also on failure.
	enum rc (*remove_many)(void *self, const char *bucket, const char *const *keys, size_t count,
	                       struct deadline deadline, size_t *ret_deleted, struct err *err);
	enum rc (*list)(void *self, const char *bucket, const struct store_list_options *options,
	                struct deadline deadline, struct store_page *ret_page, struct err *err);
	enum rc (*copy)(void *self, const struct store_target *from, const char *source_etag,
	                const struct store_target *to, struct deadline deadline, char ret_etag[STORE_ETAG_SIZE],
	                struct err *err);

	enum rc (*upload_create)(void *self, const struct store_target *target, const struct store_put_options *options,
	                         struct deadline deadline, char ret_upload_id[STORE_UPLOAD_ID_SIZE], struct err *err);
	enum rc (*upload_put_part)(void *self, const struct store_target *target, const char *upload_id,
	                           unsigned number, const struct store_body *body, const uint8_t *content_md5,
	                           struct deadline deadline, char ret_etag[STORE_ETAG_SIZE], struct err *err);
	// One page of at most 1000 parts behind number `after`; *ret_last is the last number, 0 when no more follow.
	enum rc (*upload_list_parts)(void *self, const struct store_target *target, const char *upload_id,
	                             unsigned after, struct deadline deadline, struct store_parts *ret_parts,
	                             unsigned *ret_last, struct err *err);
	// parts are sorted, their ETags without quotes.
	enum rc (*upload_complete)(void *self, const struct store_target *target, const char *upload_id,
	                           const struct store_part *parts, size_t count, struct deadline deadline,
	                           char ret_etag[STORE_ETAG_SIZE], struct err *err);
	enum rc (*upload_abort)(void *self, const struct store_target *target, const char *upload_id,
	                        struct deadline deadline, struct err *err);
	enum rc (*upload_list)(void *self, const char *bucket, const struct store_list_options *options,
	                       struct deadline deadline, struct store_upload_page *ret_page, struct err *err);

	enum rc (*presign)(void *self, const struct store_presign *presign, int64_t now_us,
	                   struct store_signed_request *ret_request, struct err *err);
	enum rc (*presign_form)(void *self, const struct store_form_options *options, int64_t now_us,
	                        struct store_form *ret_form, struct err *err);

	enum rc (*bucket_create)(void *self, const char *bucket, struct deadline deadline, struct err *err);
	enum rc (*bucket_remove)(void *self, const char *bucket, struct deadline deadline, struct err *err);
	// PUT (or, without body, DELETE) of a bucket's sub-resource: "policy", "cors", …
	enum rc (*bucket_configure)(void *self, const char *bucket, const char *what, const char *content_type,
	                            const char *body, struct deadline deadline, struct err *err);
	enum rc (*topic_create)(void *self, const struct store_topic *topic, struct deadline deadline, char *ret_arn,
	                        size_t arn_size, struct err *err);
};

struct store {
	const struct store_driver *driver;
	void *self; // the driver's
	int64_t timeout_ms;
	struct retry_policy retry;
	struct metric *seconds[STORE_CALL_COUNT]; // NULL without a registry
	struct metric *failures[STORE_CALL_COUNT];
	struct metric *retries[STORE_CALL_COUNT];
};

// The drivers' constructors. Texts are copied.
enum rc store_sigv4_open(const struct store_options *options, void **ret_self, struct err *err) MUST_CHECK;
enum rc store_libs3_open(const struct store_options *options, void **ret_self, struct err *err) MUST_CHECK;
extern const struct store_driver store_sigv4_driver;
extern const struct store_driver store_libs3_driver;

// May a failed call be made again?
enum store_repeat {
	STORE_REPEAT_UNDONE, // only when nothing can have happened
	STORE_REPEAT_ANY,    // also when it may have happened
};

// One attempt of a call; context is the call's own arguments.
typedef enum rc store_attempt(struct store *store, void *context, struct deadline deadline, struct err *err);

// Makes attempts until one succeeds, fails for good, or time or tries are over; counts them. timeout_ms 0: the store's.
enum rc store_run(struct store *store, enum store_call call, enum store_repeat repeat, int64_t timeout_ms,
                  store_attempt *attempt, void *context, struct err *err) MUST_CHECK;

// RC_INVALID unless both may be put into a request. key may be NULL when only the bucket matters.
enum rc store_check_names(const char *bucket, const char *key, struct err *err) MUST_CHECK;
// RC_INVALID for metadata that would not arrive as they are (they travel in headers: printable ASCII), or too many.
enum rc store_check_put_options(const struct store_put_options *options, struct err *err) MUST_CHECK;
// RC_INVALID, naming driver and what it cannot.
enum rc store_cannot(const struct store *store, const char *what, struct err *err);
