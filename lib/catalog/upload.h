// Uploads: begun with a media and a quota reservation, ended exactly once: completed, rejected, expired or aborted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "db/result.h"
#include "media/event.h"
#include "media/preset.h"
#include "media/reason.h"
#include "media/state.h"

enum upload_method { UPLOAD_PUT, UPLOAD_MULTIPART, UPLOAD_POST, UPLOAD_TUS };
#define UPLOAD_METHOD_COUNT 4

const char *upload_method_name(enum upload_method method);

// What an owner may hold; 0 anywhere: no limit. Limits in the owner's usage row go before bytes and files.
struct upload_quota {
	int64_t bytes;
	int64_t files;
	int64_t reserved_files; // uploads begun and not ended
	int64_t day_bytes;      // begun on one day (UTC)
};

struct upload_new {
	struct uuid upload_id; // all three ids are the caller's: uuid_new()
	struct uuid media_id;
	struct uuid owner_id;
	const struct uuid *item_id; // NULL: none
	const char *filename;
	const char *content_type; // as declared
	enum media_kind kind;     // as declared
	enum upload_method method;
	int64_t size;               // bytes
	const uint8_t *sha256;      // 32 bytes, NULL: not declared
	const uint8_t *content_md5; // 16 bytes, NULL: not declared
	const char *alt;            // NULL: none
	int64_t captured_at;        // microseconds since the epoch, 0 or DB_NO_TIME: unknown
	const char *visibility;     // NULL: "private"
	const char *object_key;
	const char *multipart_id;               // NULL: none (yet)
	int64_t part_size;                      // bytes of each part but the last; 0: none, or as the client likes
	int64_t expires_at;                     // of its URLs, microseconds since the epoch
	int64_t check_after;                    // when the reconciler first looks whether the bytes came
	const char *idempotency_key;            // NULL: none
	const char *idempotency_scope;          // where the key counts; NULL: "upload"
	const uint8_t *idempotency_fingerprint; // 32 bytes of hash of the request; with idempotency_key
	struct upload_quota quota;
};

enum upload_begin_outcome {
	UPLOAD_BEGUN,     // new rows under the given ids
	UPLOAD_REPEATED,  // the same idempotency key or upload id before: the ids returned are the earlier ones'
	UPLOAD_DUPLICATE, // the owner has media with this verified sha256: only media_id is returned, nothing was begun
};

struct upload_begun {
	enum upload_begin_outcome outcome;
	struct uuid upload_id;
	struct uuid media_id;
};

// Begin: media, upload, reservation and idempotency key in one statement. RC_LIMIT (over a quota), RC_CONFLICT (the
// idempotency key was used for another request), RC_NOT_FOUND (no such item of the owner), RC_DENIED (no such owner),
// RC_EXISTS (an id is somebody else's).
enum rc catalog_upload_begin(const struct catalog *catalog, const struct catalog_call *call,
                             const struct upload_new *upload, struct upload_begun *ret_begun,
                             struct err *err) MUST_CHECK;

// The statement of catalog_upload_begin, for the bench that has pgbench do the same.
const char *catalog_upload_begin_sql(void);

// Begin all or none, in one transaction; a camera roll. On failure *ret_index is the culprit's (or count).
enum rc catalog_upload_begin_many(const struct catalog *catalog, const struct catalog_call *call,
                                  const struct upload_new *uploads, size_t count, struct upload_begun *ret_begun,
                                  size_t *ret_index, struct err *err) MUST_CHECK;

struct upload_row {
	struct uuid id;
	struct uuid media_id;
	struct uuid owner_id;
	const char *object_key;
	enum upload_method method;
	const char *multipart_id; // NULL: none
	int64_t part_size;        // 0: none, or as the client likes
	int64_t size;
	const char *content_type;   // as declared
	const uint8_t *content_md5; // 16 bytes or NULL
	const uint8_t *sha256;      // as declared, 32 bytes or NULL
	int64_t expires_at;
	int64_t created_at;
	bool completed;
	bool aborted;
	enum media_state media_state;
	const char *filename;
};

// Find by id / by the media it makes (store events name the object, whose key begins with the media's id). owner_id
// NULL: anybody's. RC_NOT_FOUND. The caller frees *ret_result after the last use of the texts.
enum rc catalog_upload_find(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *owner_id,
                            const struct uuid *upload_id, struct upload_row *ret_upload, struct db_result **ret_result,
                            struct err *err) MUST_CHECK;
enum rc catalog_upload_find_by_media(const struct catalog *catalog, const struct catalog_call *call,
                                     const struct uuid *media_id, struct upload_row *ret_upload,
                                     struct db_result **ret_result, struct err *err) MUST_CHECK;
void catalog_upload_read(const struct db_result *result, size_t row, struct upload_row *ret_upload);

// Note the store's multipart id of an open upload. RC_CONFLICT when it has ended or has another id already.
enum rc catalog_upload_set_multipart(const struct catalog *catalog, const struct catalog_call *call,
                                     const struct uuid *upload_id, const char *multipart_id,
                                     struct err *err) MUST_CHECK;

// What was verified with the store and sniffed.
struct upload_completion {
	struct uuid upload_id;
	const char *content_type; // what the bytes are
	enum media_kind kind;
	const char *etag;                // without quotes
	const uint8_t *sha256;           // 32 bytes when the bytes were hashed by us; NULL otherwise
	const struct preset_pool *pools; // one job each (preset_pools()); none: a file, ready at once
	size_t pool_count;
	enum event_lane lane;
};

// How an upload's end found it.
struct upload_ended {
	bool changed; // this call made the change (one caller ever gets true)
	struct uuid media_id;
	struct uuid owner_id;
	enum media_state state; // the media's, now
	int64_t version;
};

// awaiting_upload -> uploaded with jobs, their messages and media.uploaded (files: on to ready, with media.ready).
// Repeated and racing calls all get RC_OK and the state; RC_CONFLICT when it ended otherwise before (err says how),
// RC_NOT_FOUND.
enum rc catalog_upload_complete(const struct catalog *catalog, const struct catalog_call *call,
                                const struct upload_completion *completion, struct upload_ended *ret_ended,
                                struct err *err) MUST_CHECK;

// awaiting_upload -> rejected: the content is not allowed. The reservation is freed, the object put on the deletions
// list, event media.rejected. detail NULL: the reason's own. Results as above.
enum rc catalog_upload_reject(const struct catalog *catalog, const struct catalog_call *call,
                              const struct uuid *upload_id, enum media_reason reason, const char *detail,
                              struct upload_ended *ret_ended, struct err *err) MUST_CHECK;

// awaiting_upload -> expired: the bytes never came. Aborting a multipart upload in the store is the caller's.
enum rc catalog_upload_expire(const struct catalog *catalog, const struct catalog_call *call,
                              const struct uuid *upload_id, struct upload_ended *ret_ended, struct err *err) MUST_CHECK;

// awaiting_upload -> deleted: the client gave up. Aborting a multipart upload in the store is the caller's.
enum rc catalog_upload_abort(const struct catalog *catalog, const struct catalog_call *call,
                             const struct uuid *upload_id, struct upload_ended *ret_ended, struct err *err) MUST_CHECK;
