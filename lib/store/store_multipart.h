// Multipart uploads: begun and finished by us, their parts sent by clients with presigned URLs or streamed through us.
#pragma once

#include "store/store.h"

#define STORE_UPLOAD_ID_SIZE 512
#define STORE_PARTS_MAX 10000                  // part numbers are 1 to this
#define STORE_PART_BYTES_MIN (5 * 1024 * 1024) // of every part but the last

struct store_part {
	unsigned number;
	uint64_t size;              // as listed; ignored by store_upload_complete
	char etag[STORE_ETAG_SIZE]; // with or without quotes when given; without when listed
};

// Begins an upload to the target. Content type, cache control, disposition and metadata of options (may be NULL) hold
// for the object. Not retried once sent (each try makes another upload; the bucket's lifecycle removes strays).
enum rc store_upload_create(struct store *store, const struct store_target *target,
                            const struct store_put_options *options, char ret_upload_id[STORE_UPLOAD_ID_SIZE],
                            struct err *err) MUST_CHECK;

// Sends one part; sending a number again replaces it, hence retried. content_md5 may be NULL; ret_etag may be NULL.
enum rc store_upload_put_part(struct store *store, const struct store_target *target, const char *upload_id,
                              unsigned number, const struct store_body *body, const uint8_t *content_md5,
                              char ret_etag[STORE_ETAG_SIZE], struct err *err) MUST_CHECK;

struct store_parts {
	struct store_part *parts; // by rising number
	size_t count;
};
void store_parts_done(struct store_parts *parts);

// All parts that are there, over all pages. RC_NOT_FOUND: no such upload (completed, aborted or never begun).
enum rc store_upload_list_parts(struct store *store, const struct store_target *target, const char *upload_id,
                                struct store_parts *ret_parts, struct err *err) MUST_CHECK;

// Makes the object of count parts, which are given in any order (numbers must differ). An error that comes with status
// 200 is found. When an earlier try of the same call may have succeeded, the object itself decides. RC_NOT_FOUND: no
// such upload: look with store_head whether somebody else completed it. RC_INVALID: a part is missing, too small or
// has another ETag. ret_etag may be NULL.
enum rc store_upload_complete(struct store *store, const struct store_target *target, const char *upload_id,
                              const struct store_part *parts, size_t count, char ret_etag[STORE_ETAG_SIZE],
                              struct err *err) MUST_CHECK;

// Frees the parts. RC_OK also when there is no such upload.
enum rc store_upload_abort(struct store *store, const struct store_target *target, const char *upload_id,
                           struct err *err) MUST_CHECK;

struct store_upload {
	const char *key; // raw
	const char *upload_id;
	int64_t initiated_us;
};
struct store_upload_page {
	struct store_upload *uploads;
	size_t count;
	const char *continuation; // for the next page; NULL at the end
	struct arena *memory;
};
void store_upload_page_done(struct store_upload_page *page);

// Uploads begun and neither completed nor aborted, by key. Of options (may be NULL) start_after is ignored.
enum rc store_upload_list(struct store *store, const char *bucket, const struct store_list_options *options,
                          struct store_upload_page *ret_page, struct err *err) MUST_CHECK;
