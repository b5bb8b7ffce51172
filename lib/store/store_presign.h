// Requests that others send with our signature: presigned URLs and POST forms. No contact with the store.
//
// The host is the store's public_endpoint. Nothing limits how often such a request is sent until it expires, so sign
// content-length, content-type and "if-none-match: *" for uploads (safety.md §1.8 has the reasons).
#pragma once

#include "store/store.h"

struct store_presign {
	const char *method; // "GET", "PUT", "HEAD", "DELETE", "POST"
	const char *bucket;
	const char *key; // NULL or "": the bucket itself
	const struct store_pair
	        *query; // raw: {"partNumber", "3"}, {"uploadId", id}, {"response-content-disposition", …}
	size_t query_count;
	const struct store_pair
	        *headers; // to be sent exactly so: content-length, content-type, content-md5, if-none-match, x-amz-*
	size_t header_count;
	int64_t seconds; // of validity, 1 to 604800
	int64_t now_us;  // when it begins to be valid; 0: now
};

struct store_signed_request {
	const char *url;
	struct store_pair *headers; // what must be sent with it; a copy of the above
	size_t header_count;
	int64_t expires_us;
	struct arena *memory;
};
void store_signed_request_done(struct store_signed_request *signed_request);

// RC_INVALID also when the driver cannot: libs3 presigns plain GETs of objects alone. Any thread.
enum rc store_presign_request(struct store *store, const struct store_presign *presign,
                              struct store_signed_request *ret_request, struct err *err) MUST_CHECK;

struct store_form_options {
	const char *bucket;
	const char *key;      // exactly this key
	uint64_t least_bytes; // content-length-range, both included
	uint64_t most_bytes;
	const char *content_type; // exactly this type; NULL: any, and the client chooses
	const struct store_pair
	        *fields; // further fields with exactly these values: success_action_status, x-amz-meta-*
	size_t field_count;
	int64_t seconds; // of validity, 1 to 604800
	int64_t now_us;  // 0: now
};

struct store_form {
	const char *url; // of the bucket, with a trailing slash; method POST, multipart/form-data, the file comes last
	struct store_pair *fields; // key and content-type among them
	size_t field_count;
	int64_t expires_us;
	struct arena *memory;
};
void store_form_done(struct store_form *form);

// A POST policy with its form. RC_INVALID also when the driver cannot (libs3). Any thread.
enum rc store_presign_form(struct store *store, const struct store_form_options *options, struct store_form *ret_form,
                           struct err *err) MUST_CHECK;
