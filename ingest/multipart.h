// Uploads in parts: begun at the store, their parts' URLs signed, assembled into the object.
//
// The store's side of an upload is made when it is first needed (after the upload's row, so that nothing is begun
// beyond a quota), and any number of processes may try: one id wins, the others are aborted.
#pragma once

#include "catalog/upload.h"
#include "store/store_multipart.h"

struct ingest;
struct json_write;

// Most URLs of one answer / URLs of an answer that nobody asked for by number.
#define MULTIPART_URLS_MAX 100
#define MULTIPART_URLS_FIRST 20

// The store's id of an open upload: the known one, or a new one, noted. RC_CONFLICT: the upload has ended meanwhile.
// Up to two calls of the store and of the database. Any thread that may wait.
enum rc multipart_open(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                       char ret_multipart_id[STORE_UPLOAD_ID_SIZE], struct err *err) MUST_CHECK;

// Which URL is wanted.
struct multipart_part {
	unsigned number;            // within the upload's layout
	const uint8_t *content_md5; // 16 bytes that the store checks; NULL: none
};

// Append {number, method, url, headers, expires_at}: where to PUT the part, with exactly these headers (its length is
// signed). The upload has a part_size. Signs only, calls nobody.
enum rc multipart_write_url(struct ingest *ingest, struct json_write *json, const struct upload_row *upload,
                            const char *multipart_id, const struct multipart_part *part, struct err *err) MUST_CHECK;

enum multipart_outcome {
	MULTIPART_ASSEMBLED,  // the object is there now
	MULTIPART_INCOMPLETE, // parts are missing: nothing was changed
	MULTIPART_MISMATCH,   // a part is not as it was given, or not as long as it must be: nothing was changed
	MULTIPART_GONE,       // the store knows no such upload (any more): whether the object is there decides
};

struct multipart_assembled {
	enum multipart_outcome outcome;
	unsigned number; // with INCOMPLETE and MISMATCH: the first such part; 0: the sum of all
};

// Make the object of the parts in the store, when they are all there and as long as they must be. given: what the
// client believes to have sent, in any order, ETags with or without quotes; count 0: whatever the store lists. Errors
// as of store_upload_complete: call again. Any thread that may wait.
enum rc multipart_assemble(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                           const struct store_part *given, size_t count, struct multipart_assembled *ret_assembled,
                           struct err *err) MUST_CHECK;

// Free the store's side of an upload that has ended otherwise; best effort, for the reconciler and the bucket's
// lifecycle stand behind it. Does nothing without an id.
void multipart_abort(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload);
