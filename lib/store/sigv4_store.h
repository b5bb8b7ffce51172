// The SigV4 driver's own state, and how its files send a request. Private to the sigv4_store*.c files.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "store/endpoint.h"
#include "store/s3_error.h"
#include "store/sigv4.h"
#include "store/store_driver.h"
#include "store/transport.h"

struct sigv4_store {
	struct endpoint endpoint;
	struct endpoint public_endpoint;
	struct transport *transport;
	pthread_mutex_t lock; // of both signers
	struct sigv4_signer s3;
	struct sigv4_signer sns;
	_Atomic int64_t skew_ms;
	unsigned stall_seconds;
	char region[SIGV4_NAME_SIZE];
};

// A request being built, sent and read. Zero-initialise but for what is marked; sigv4_call_done frees it.
struct sigv4_call {
	const char *method;
	const char *bucket; // NULL: the service itself
	const char *key;    // NULL: the bucket itself
	struct store_pair query[16];
	size_t query_count;
	struct store_pair headers[SIGV4_PAIRS]; // all are signed
	size_t header_count;
	const struct store_body *body;
	const char *payload_sha256; // hex; NULL: the empty body's, or UNSIGNED-PAYLOAD with a body
	struct store_sink *sink;
	struct deadline deadline;
	bool patient;
	bool sns; // the SNS API of Ceph
	struct s3_expectation expect;
	char code[S3_ERROR_CODE_SIZE]; // the store's own error code after a failure
	struct arena *memory;          // of texts made for this call, and of the answer's metadata
	struct transport_exchange exchange;
};

// Everything empty; the arena is made. RC_NO_MEMORY.
enum rc sigv4_call_init(struct sigv4_call *call, const char *method, const char *bucket, const char *key,
                        struct deadline deadline, struct err *err) MUST_CHECK;
void sigv4_call_done(struct sigv4_call *call);

// Borrow name and value; value NULL: not added.
void sigv4_call_query(struct sigv4_call *call, const char *name, const char *value);
void sigv4_call_header(struct sigv4_call *call, const char *name, const char *value);

// A body in memory, with its Content-MD5 and signed SHA-256, and a content type.
void sigv4_call_document(struct sigv4_call *call, struct store_body *body, const struct buffer *document,
                         const char *content_type);

// Sign and send. RC_OK: the answer is 2xx and stands in call->exchange; else the mapped failure.
enum rc sigv4_call_send(struct sigv4_store *store, struct sigv4_call *call, struct err *err) MUST_CHECK;
// The two halves, for transfers that run together.
enum rc sigv4_call_prepare(struct sigv4_store *store, struct sigv4_call *call, struct err *err) MUST_CHECK;
enum rc sigv4_call_judge(struct sigv4_store *store, struct sigv4_call *call, enum transport_end end,
                         struct err *err) MUST_CHECK;

// A copy of the key for the day of time. Any thread.
struct sigv4_key sigv4_store_key(struct sigv4_store *store, bool sns, const char *time);

// "/bucket/key" in the arena; NULL without memory.
char *sigv4_store_path(struct arena *memory, const char *bucket, const char *key);

// Quotes around an ETag, in the arena; NULL without memory.
char *sigv4_quote(struct arena *memory, const char *etag);

// The headers that put, copy and upload_create share. RC_NO_MEMORY, RC_INVALID.
enum rc sigv4_call_describe(struct sigv4_call *call, const struct store_put_options *options,
                            struct err *err) MUST_CHECK;

// A body of a put or a part: borrowed, hashed where store_body says so, with its Content-MD5 (NULL: none).
enum rc sigv4_call_body(struct sigv4_call *call, const struct store_body *body, const uint8_t *content_md5,
                        struct err *err) MUST_CHECK;

// The driver's functions, by file.
enum rc sigv4_put(void *self, const struct store_target *target, const struct store_body *body,
                  const struct store_put_options *options, struct deadline deadline, char ret_etag[STORE_ETAG_SIZE],
                  struct err *err);
void sigv4_put_many(void *self, struct store_put_item **items, size_t count, unsigned parallel,
                    struct deadline deadline);
enum rc sigv4_head(void *self, const struct store_target *target, struct deadline deadline,
                   struct store_object *ret_object, struct err *err);
enum rc sigv4_get(void *self, const struct store_target *target, const struct store_get_options *options,
                  struct store_sink *sink, struct deadline deadline, struct store_object *ret_object, struct err *err);
enum rc sigv4_remove(void *self, const struct store_target *target, struct deadline deadline, struct err *err);
enum rc sigv4_remove_many(void *self, const char *bucket, const char *const *keys, size_t count,
                          struct deadline deadline, size_t *ret_deleted, struct err *err);
enum rc sigv4_list(void *self, const char *bucket, const struct store_list_options *options, struct deadline deadline,
                   struct store_page *ret_page, struct err *err);
enum rc sigv4_copy(void *self, const struct store_target *from, const char *source_etag, const struct store_target *to,
                   struct deadline deadline, char ret_etag[STORE_ETAG_SIZE], struct err *err);
enum rc sigv4_upload_create(void *self, const struct store_target *target, const struct store_put_options *options,
                            struct deadline deadline, char ret_upload_id[STORE_UPLOAD_ID_SIZE], struct err *err);
enum rc sigv4_upload_put_part(void *self, const struct store_target *target, const char *upload_id, unsigned number,
                              const struct store_body *body, const uint8_t *content_md5, struct deadline deadline,
                              char ret_etag[STORE_ETAG_SIZE], struct err *err);
enum rc sigv4_upload_list_parts(void *self, const struct store_target *target, const char *upload_id, unsigned after,
                                struct deadline deadline, struct store_parts *ret_parts, unsigned *ret_last,
                                struct err *err);
enum rc sigv4_upload_complete(void *self, const struct store_target *target, const char *upload_id,
                              const struct store_part *parts, size_t count, struct deadline deadline,
                              char ret_etag[STORE_ETAG_SIZE], struct err *err);
enum rc sigv4_upload_abort(void *self, const struct store_target *target, const char *upload_id,
                           struct deadline deadline, struct err *err);
enum rc sigv4_upload_list(void *self, const char *bucket, const struct store_list_options *options,
                          struct deadline deadline, struct store_upload_page *ret_page, struct err *err);
enum rc sigv4_presign_request(void *self, const struct store_presign *presign, int64_t now_us,
                              struct store_signed_request *ret_request, struct err *err);
enum rc sigv4_presign_form(void *self, const struct store_form_options *options, int64_t now_us,
                           struct store_form *ret_form, struct err *err);
enum rc sigv4_bucket_create(void *self, const char *bucket, struct deadline deadline, struct err *err);
enum rc sigv4_bucket_remove(void *self, const char *bucket, struct deadline deadline, struct err *err);
enum rc sigv4_bucket_configure(void *self, const char *bucket, const char *what, const char *content_type,
                               const char *body, struct deadline deadline, struct err *err);
enum rc sigv4_topic_create(void *self, const struct store_topic *topic, struct deadline deadline, char *ret_arn,
                           size_t arn_size, struct err *err);
