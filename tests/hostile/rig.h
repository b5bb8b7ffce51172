// What every test of a decoder child needs: a child, the default job, and all that comes back.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transcoder/child.h"

#define RIG_VARIANTS_MOST (WIRE_STEPS * WIRE_ENCODINGS)

struct rig {
	char binary[4096];
	struct child_config config; // may be changed before the first run
	struct wire_job job;        // may be changed before a run; the default preset's JPEG and WebP
	int64_t deadline_ms;
	struct child *child; // NULL: the next run starts one
	uint64_t job_number;
};

struct rig_variant {
	struct wire_variant about;
	uint8_t *bytes;
};

struct rig_result {
	enum rc rc;
	struct err err;
	struct child_outcome outcome;
	bool has_facts;
	struct wire_facts facts;
	struct rig_variant variants[RIG_VARIANTS_MOST]; // in the order in which they came
	size_t variant_count;
	int64_t first_variant_us; // from the beginning of the job
	int64_t wall_us;
};

// binary is below the build folder: "bin/safelight-decoder" (SAFELIGHT_DECODER overrides it) or
// "tests/hostile/breakout".
void rig_init(struct rig *rig, const char *binary);
void rig_done(struct rig *rig);

// Start a child unless there is one. Fails the test when it does not become ready.
void rig_start(struct rig *rig);

// One job on these bytes; a dead child is replaced in the next run. The result is to be given to rig_result_done.
void rig_run(struct rig *rig, const void *bytes, size_t length, struct rig_result *ret_result);
void rig_result_done(struct rig_result *result);
// The same with a file, as by rig_read. Fails the test unless the job was done.
void rig_run_file(struct rig *rig, const char *folder, const char *name, struct rig_result *ret_result);
// Fails the test, with what the child said, unless the job of that name was done.
void rig_assert_done(const char *name, const struct rig_result *result);

// The variant of that name and format; NULL when it did not come.
const struct rig_variant *rig_find(const struct rig_result *result, const char *name, enum media_format format);

// The largest resident size that the living child has had (VmHWM).
uint64_t rig_peak_bytes(const struct rig *rig);

// A file of the development photos or samples, whole; false when the folder is not there. The caller frees the bytes.
bool rig_read(const char *folder, const char *name, uint8_t **ret_bytes, size_t *ret_length);

#define RIG_DATA "../shared/data"
#define RIG_SAMPLES "samples/photos"

// True in a build with AddressSanitizer: it needs memory beyond any limit of ours, and handles crashes itself.
bool rig_is_sanitized(void);

// Say loudly that a test is skipped for want of RIG_DATA; true when it is.
bool rig_skip_without_data(void);
