// Hashing what lies in the store, where nobody behind us reads it anyway.
#pragma once

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"

struct ingest;

// SHA-256 of an object of the originals bucket with that ETag and length, read piece by piece: a few MB of memory,
// whatever its length. Takes as long as the store needs, until the deadline at most; gives up when the process is being
// stopped (RC_UNAVAILABLE). RC_CONFLICT, RC_NOT_FOUND: the object has changed. Any thread that may wait.
enum rc hash_object(struct ingest *ingest, const char *key, const char *etag, int64_t size, struct deadline deadline,
                    uint8_t ret_sha256[SHA256_SIZE], struct err *err) MUST_CHECK;
