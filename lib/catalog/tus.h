// How far uploads by tus have come, and who may write to them.
//
// Bytes count when the store has them and a row says so: first those in parts, then the tail, which lies in an object
// of its own. One writer at a time holds an upload's lease (CATALOG_TUS_LEASE_MS, renewed while it works); whatever a
// writer says after it has lost the lease changes nothing (RC_CONFLICT).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "catalog/upload.h"

#define CATALOG_TUS_LEASE_MS 6000
#define CATALOG_TUS_METADATA_BYTES 8192

struct tus_row {
	struct upload_row upload;
	const char *metadata; // Upload-Metadata as it was sent
	int64_t part_size;
	int64_t stored;       // bytes in parts
	const char *tail_key; // NULL: no tail
	int64_t tail_size;
	bool is_written; // somebody holds the lease
};

// Note that a begun upload goes by tus. writer holds the lease; NULL: nobody does. Repeatable.
enum rc catalog_tus_add(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *upload_id,
                        const char *metadata, int64_t part_size, const struct uuid *writer, struct err *err) MUST_CHECK;

// RC_NOT_FOUND: the owner has no such upload by tus. The caller frees *ret_result after the last use of the texts.
enum rc catalog_tus_find(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *owner_id,
                         const struct uuid *upload_id, struct tus_row *ret_row, struct db_result **ret_result,
                         struct err *err) MUST_CHECK;

// Take the lease of an open upload that stands at offset. RC_OK: *ret_row is what there is to go on from. RC_BUSY:
// somebody else writes; it is told that somebody waits. RC_CONFLICT: it stands elsewhere; *ret_row says where.
// RC_NOT_FOUND: no such upload, or it has ended. *ret_result is set with RC_OK and RC_CONFLICT.
enum rc catalog_tus_claim(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *owner_id,
                          const struct uuid *upload_id, const struct uuid *writer, int64_t offset,
                          struct tus_row *ret_row, struct db_result **ret_result, struct err *err) MUST_CHECK;

struct tus_part {
	unsigned number;
	const char *etag;
};

// What a writer has achieved: the state afterwards, and the parts since the last commit.
struct tus_commit {
	struct uuid upload_id;
	struct uuid media_id;
	struct uuid writer;
	int64_t stored;
	const char *tail_key; // NULL: no tail
	int64_t tail_size;
	const char *old_tail_key; // to be removed from the store; NULL: none
	const struct tus_part *parts;
	size_t part_count;
	bool releases; // gives the lease up
};
enum rc catalog_tus_commit(const struct catalog *catalog, const struct catalog_call *call,
                           const struct tus_commit *commit, struct err *err) MUST_CHECK;

// A lease that is held.
struct tus_lease {
	struct uuid upload_id;
	struct uuid writer;
	bool is_lost;   // set by catalog_tus_renew: somebody else has it, or the upload has ended
	bool is_wanted; // set likewise: somebody waits for it
};
// Renew up to CATALOG_TUS_RENEW_MAX leases with one statement, and say which are lost or wanted.
#define CATALOG_TUS_RENEW_MAX 1024
enum rc catalog_tus_renew(const struct catalog *catalog, const struct catalog_call *call, struct tus_lease *leases,
                          size_t count, struct err *err) MUST_CHECK;

// The committed parts, by rising number: rows of number and etag, read by catalog_tus_read_part. RC_CONFLICT: the
// upload is not whole yet.
enum rc catalog_tus_parts(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *upload_id,
                          struct db_result **ret_result, struct err *err) MUST_CHECK;
struct tus_part catalog_tus_read_part(const struct db_result *result, size_t row);
