// Jobs: claimed with a lease and a rising fencing token, beaten, and ended once. Times are the database's.
//
// Everything after the claim is conditional on the token: a worker that was too slow gets RC_CONFLICT, has changed
// nothing, and must drop what it has; objects it has stored stay, for its successor writes the same keys. RC_NOT_FOUND
// says that the media was deleted meanwhile: then they belong on the deletions list (catalog_deletion_add).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "media/event.h"
#include "media/format.h"
#include "media/object_key.h"
#include "media/preset.h"
#include "media/reason.h"
#include "media/state.h"

enum job_claim_outcome {
	JOB_CLAIMED,
	JOB_TAKEN,   // another worker holds a lease: look again after retry_ms
	JOB_EARLY,   // its pause after a failure is not over: look again after retry_ms
	JOB_OVER,    // done, failed, or of a deleted media: nothing is left to do
	JOB_MISSING, // there is no such job
};

struct job_claim {
	enum job_claim_outcome outcome;
	int64_t retry_ms; // with JOB_TAKEN and JOB_EARLY, >= 1
	// The rest stands with JOB_CLAIMED only.
	struct uuid job_id;
	struct uuid media_id;
	struct uuid owner_id;
	uint32_t generation;
	char pool[EVENT_POOL_SIZE];
	enum event_lane lane;
	bool required;
	unsigned attempts; // this one included
	int64_t token;
	int64_t waited_ms; // since it was queued, earlier attempts included
	enum media_state media_state;
	enum media_kind kind;
	char content_type[128]; // what the bytes are
	int64_t size;
	char original_key[OBJECT_KEY_SIZE];
	char original_etag[128];
	bool has_declared_sha256;
	uint8_t declared_sha256[32];
	uint32_t published_generation;
	bool keep_positions;           // the owner wants to know where pictures were taken
	char preset[PRESET_NAME_SIZE]; // that the variants are made by
	bool has_focal;                // what crops keep, in parts of the upright picture's sides
	double focal_x;
	double focal_y;
};

// Claim a job for `worker` (a name for operators) and lease_ms: attempts and token go up, the media goes to processing.
// A job that has used up LIMIT_JOB_ATTEMPTS is ended here as failed, with its last reason, and answers JOB_OVER.
// After RC_UNKNOWN it may be held by a lease that nobody beats: it runs out, and the reconciler rings again.
enum rc catalog_job_claim(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                          const char *worker, int64_t lease_ms, struct job_claim *ret_claim,
                          struct err *err) MUST_CHECK;

// Renew the lease from now. RC_CONFLICT: it was lost.
enum rc catalog_job_beat(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                         int64_t token, int64_t lease_ms, struct err *err) MUST_CHECK;

// What decoding found. Zero-initialise; what stays zero (-1, NULL) is left as it was in the row.
struct media_facts {
	uint32_t width; // pixels, upright
	uint32_t height;
	uint32_t orientation; // 1 - 8
	uint32_t frames;
	uint32_t pages;
	bool has_alpha; // written when width is
	const uint8_t *thumbhash;
	size_t thumbhash_length;
	const char *blurhash;
	int32_t dominant_rgb; // 0xRRGGBB, written when width is; -1: none
	bool has_likeness;
	uint64_t likeness;   // perceptual hash
	const char *exif;    // a JSON object
	bool has_position;   // written only while the owner keeps positions, whatever was claimed
	int32_t latitude_e6; // millionths of a degree, north and east positive
	int32_t longitude_e6;
	bool has_altitude;
	int32_t altitude_mm;
	int64_t captured_at;   // microseconds since the epoch, 0 or DB_NO_TIME: none; never overwrites what the client
	                       // said
	const uint8_t *sha256; // 32 bytes of the original as it was read
};

struct variant_new {
	const char *name;
	enum media_format format;
	uint32_t width;
	uint32_t height;
	int64_t bytes;
	const char *object_key;
	const uint8_t *sha256; // 32 bytes
};

struct job_publish {
	struct uuid job_id;
	int64_t token;
	const struct media_facts *facts;    // NULL: none
	const struct variant_new *variants; // all their objects have been stored
	size_t variant_count;
};

struct job_published {
	bool is_first_preview; // media.preview was written
	bool is_ready;         // the media became ready: media.ready was written
	bool is_updated;       // a ready media got more or newer variants: media.updated was written
	enum media_state media_state;
};

// Before the ladder is done: the variants so far, the placeholder and facts.
enum rc catalog_job_publish_preview(const struct catalog *catalog, const struct catalog_call *call,
                                    const struct job_publish *publish, struct job_published *ret_published,
                                    struct err *err) MUST_CHECK;

// End the job as done with all its variants. When no required job of the generation is left the media becomes ready
// (or shows the new generation, and the old one's variants go on the deletions list for later).
// Called again after success with the same token: RC_OK, nothing changes.
enum rc catalog_job_finish(const struct catalog *catalog, const struct catalog_call *call,
                           const struct job_publish *publish, struct job_published *ret_published,
                           struct err *err) MUST_CHECK;

struct job_failed {
	bool is_final;     // no further attempt will be made
	unsigned attempts; // so far
	bool media_ended;  // the media became failed or rejected: its event was written
};

// End an attempt. A retryable reason with attempts left queues the job again after retry_ms; otherwise the job ends as
// failed with a dead letter and, when it was required and the media is not ready, so does the media: with this reason
// and detail (NULL: the reason's own), its other jobs ended too.
enum rc catalog_job_fail(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                         int64_t token, enum media_reason reason, const char *detail, int64_t retry_ms,
                         struct job_failed *ret_failed, struct err *err) MUST_CHECK;

// Give a job back unharmed (drain): queued at once, the attempt not counted. The caller's message is best NAKed.
enum rc catalog_job_release(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                            int64_t token, struct err *err) MUST_CHECK;

// Give back the running jobs of the host's workers ("host:…" as named in the claim) that is_dead says are gone: queued
// at once, the attempt counted, their messages sent again, so that nobody waits for their leases. The tokens rise: a
// worker that lives after all changes nothing any more. ret_count: how many jobs.
enum rc catalog_job_give_back(const struct catalog *catalog, const struct catalog_call *call, const char *host,
                              bool (*is_dead)(const char *worker), size_t *ret_count, struct err *err) MUST_CHECK;

// Queue the failed jobs of a failed media anew, attempts from zero (operators, owners). RC_CONFLICT: it is not failed.
enum rc catalog_job_redrive(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *media_id,
                            enum event_lane lane, struct err *err) MUST_CHECK;
