// Uploads by tus that are under way in this process: who they are, how much memory they may take, and the thread that
// keeps their leases.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

struct http_request;
struct ingest;
struct tus;
struct tus_memory;
struct tus_session;

// Start the thread and the pool. At start.
enum rc tus_start(struct ingest *ingest, struct tus **ret_tus, struct err *err) MUST_CHECK;
// The process is about to stop: whoever still sends in a few seconds is cut off (what came is saved, the client goes on
// elsewhere). Before the server is drained. Accepts NULL.
void tus_leave(struct tus *tus);
// Finish what is in hand (bytes that came before their clients went are saved), stop. After the server was drained.
// Accepts NULL.
void tus_stop(struct tus *tus);

// Tus-Max-Size.
int64_t tus_max_bytes(const struct ingest *ingest);

// Where a session's steps that wait are done. RC_BUSY: too many are waiting.
enum rc tus_submit(struct tus *tus, void (*run)(void *argument), void *argument) MUST_CHECK;

// What all sessions share.
struct tus_memory *tus_memory_of(struct tus *tus);

// Count a session in, so that its lease is kept / out.
void tus_enlist(struct tus *tus, struct tus_session *session);
void tus_delist(struct tus *tus, struct tus_session *session);

// Somebody wants to write to this upload: if this process' own session holds it, its client is cut off, so that what it
// has sent is saved and the lease given up.
void tus_yield(struct tus *tus, const struct uuid *upload_id);

// Guards the request pointers of all sessions: it is held while a session's request is asked for more, or let go.
void tus_lock(struct tus *tus);
void tus_unlock(struct tus *tus);

// Bytes that came.
void tus_count(struct tus *tus, size_t bytes);
