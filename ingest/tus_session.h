// One client's writing to one upload: what has come and is not stored yet, and how it is stored.
//
// The memory holds at most a part (and one piece of the body). A full part goes to the store's multipart upload; what
// is left at the end of a request becomes the tail, an object of its own, from which the next session begins. A whole
// file that never filled a part is put in one piece. Only what catalog/tus.h has noted counts.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "catalog/tus.h"
#include "http/request.h"
#include "ingest/tus_protocol.h"
#include "media/object_key.h"
#include "store/store_multipart.h"

struct ingest;

struct tus_session {
	struct ingest *ingest;
	struct tus_session *previous, *next; // tus.h, under its lock
	struct http_request *request;        // under tus_lock(); NULL: nobody to answer any more
	atomic_bool yields;                  // somebody else wants to write, or the lease is lost

	struct uuid upload_id;
	struct uuid media_id;
	struct uuid writer;
	char object_key[OBJECT_KEY_SIZE];
	char multipart_id[STORE_UPLOAD_ID_SIZE]; // "": none yet
	char content_type[STORE_CONTENT_TYPE_SIZE];
	char traceparent[64];
	int64_t size;
	int64_t part_size;
	int64_t expires_at;
	bool is_creation; // answered 201 rather than 204

	int64_t stored;                 // in parts, uncommitted ones included
	int64_t committed;              // of that, what the catalog knows
	char tail_key[OBJECT_KEY_SIZE]; // the committed tail; "": none
	int64_t tail_size;
	struct buffer data;             // behind what is stored; begins with the tail
	char (*etags)[STORE_ETAG_SIZE]; // of parts that are stored and not committed
	size_t etag_count, etag_room;

	struct tus_checksum checksum; // of this request's body
	struct digest_stream *digest; // NULL without one
};

// From a claimed row, whose lease is writer's. NULL without memory.
struct tus_session *tus_session_new(struct ingest *ingest, const struct tus_row *row, const struct uuid *writer,
                                    const struct tus_checksum *checksum, const char *traceparent);
// Accepts NULL.
void tus_session_free(struct tus_session *session);

// Reserve the memory for a body of expected bytes (negative: unknown) and read the tail into it. RC_LIMIT: others have
// taken too much. Blocks.
enum rc tus_session_load(struct tus_session *session, int64_t expected, const struct catalog_call *call,
                         struct err *err) MUST_CHECK;

// Where the upload stands with what is in memory.
int64_t tus_session_offset(const struct tus_session *session);

// Append a piece. False: it is more than the upload's length, or there is no memory.
bool tus_session_take(struct tus_session *session, const void *data, size_t size);
// A part is full.
bool tus_session_is_full(const struct tus_session *session);

// Store a full part, and commit it unless a checksum has to be right first. Blocks.
enum rc tus_session_flush(struct tus_session *session, const struct catalog_call *call, struct err *err) MUST_CHECK;

// False when the body does not have the checksum that was promised.
bool tus_session_check(struct tus_session *session);

// Store and commit all that came, give the lease up, and, when the upload is whole, settle it (which may fail: the
// reconciler will). RC_CONFLICT: the lease was lost. Blocks.
enum rc tus_session_save(struct tus_session *session, const struct catalog_call *call, struct err *err) MUST_CHECK;

// Give the lease up without what was not committed. Best effort: leases run out. Blocks.
void tus_session_drop(struct tus_session *session, const struct catalog_call *call);
