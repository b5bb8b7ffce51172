// The libs3 driver's own state, and how its files make a request. Private to store_libs3.c and libs3_*.c.
#pragma once

#include <libs3.h>

#include "store/endpoint.h"
#include "store/store_driver.h"

struct digest_stream;
struct store_sink;

struct libs3_store {
	struct endpoint endpoint;
	struct endpoint public_endpoint;
	char *access_key;
	char *secret_key;
};

// One request: what its callbacks need, and what they found. Zero-initialise.
struct libs3_call {
	bool changes; // the request may have an effect
	struct deadline deadline;
	const struct store_body *body; // sent
	uint64_t sent;
	struct digest_stream *md5; // of what is sent; NULL: not wanted
	struct store_sink *sink;   // received
	bool wants_object;         // fill `object` from the answer's properties
	struct store_object object;
	struct store_page *page; // list: filled
	bool truncated;          // list: more follow
	struct err failed;       // why a callback of ours ended the request
	bool finished;
	S3Status status;
	char message[200];  // the store's own words
	uint64_t announced; // Content-Length of the answer
};

// The bucket as libs3 wants it, at the address that we use ourselves. Borrows.
S3BucketContext libs3_bucket(const struct libs3_store *store, const char *bucket);

// libs3's callbacks for every request; context is a struct libs3_call.
extern const S3ResponseHandler libs3_response_handler;

// libs3 writes the time of a request with gmtime, whose result all threads share: every S3_* call that begins a request
// stands between these two. Running it needs no lock.
void libs3_lock(void);
void libs3_unlock(void);

// Runs the requests of the context until all have ended or the deadline has passed, and destroys it.
void libs3_run(S3RequestContext *context, struct libs3_call *call);

// What became of a finished call.
enum rc libs3_judge(const struct libs3_call *call, struct err *err) MUST_CHECK;

// A request context; NULL (and err) without memory.
S3RequestContext *libs3_begin(struct err *err);

// RC_INVALID for keys with which libs3 would reach another object.
enum rc libs3_check_key(const char *key, struct err *err) MUST_CHECK;

// The driver's functions in libs3_object.c.
enum rc libs3_put(void *self, const struct store_target *target, const struct store_body *body,
                  const struct store_put_options *options, struct deadline deadline, char ret_etag[STORE_ETAG_SIZE],
                  struct err *err);
enum rc libs3_head(void *self, const struct store_target *target, struct deadline deadline,
                   struct store_object *ret_object, struct err *err);
enum rc libs3_get(void *self, const struct store_target *target, const struct store_get_options *options,
                  struct store_sink *sink, struct deadline deadline, struct store_object *ret_object, struct err *err);
enum rc libs3_remove(void *self, const struct store_target *target, struct deadline deadline, struct err *err);
enum rc libs3_list(void *self, const char *bucket, const struct store_list_options *options, struct deadline deadline,
                   struct store_page *ret_page, struct err *err);
enum rc libs3_copy(void *self, const struct store_target *from, const char *source_etag, const struct store_target *to,
                   struct deadline deadline, char ret_etag[STORE_ETAG_SIZE], struct err *err);
