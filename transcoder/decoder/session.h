// One job in hand: what was asked, what was found, where results go, and how long it took.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vips/vips.h>

#include "transcoder/decoder/failure.h"
#include "transcoder/decoder/profile.h"
#include "transcoder/decoder/source.h"
#include "transcoder/wire/wire.h"

// Where results go: the supervisor's socket, or nowhere in the warm-up. False (with failure filled) ends the job.
struct sink {
	void *context;
	bool (*facts)(void *context, const struct wire_facts *facts, struct failure *failure);
	// bytes are borrowed.
	bool (*variant)(void *context, const struct wire_variant *variant, const void *bytes, struct failure *failure);
};

struct session {
	const struct wire_job *job;
	unsigned formats; // that may be opened
	struct source source;
	const struct sink *sink;
	struct wire_planned plan[WIRE_STEPS];
	size_t plan_count;
	VipsImage *kept; // of the planar path: its metadata is what every variant keeps; NULL: nothing
	int64_t started_us;
	struct wire_done times;
	struct failure failure;
};

// One way from source to variants. The first path that accepts a job runs it; the general path accepts all.
struct decode_path {
	const char *name;
	bool (*accepts)(const struct session *session);
	// Facts first, then every planned variant in every encoding. False: session->failure says why.
	bool (*run)(struct session *session);
};

// JPEG photos in sRGB, or with a profile that is kept, as planes.
extern const struct decode_path decode_path_planar;

// Everything libvips can open: any colours, alpha, orientation, size.
extern const struct decode_path decode_path_general;

// Do a whole job on bytes of one of the profile's formats. True: all was delivered and ret_times is written. False:
// ret_failure says why.
bool session_run(const struct profile *profile, const struct wire_job *job, const uint8_t *bytes, size_t length,
                 const struct sink *sink, struct wire_done *ret_times, struct failure *ret_failure);

// The same on photos by these paths alone, for tests and benchmarks that compare them.
bool session_run_by(const struct decode_path *const *paths, size_t path_count, const struct wire_job *job,
                    const uint8_t *bytes, size_t length, const struct sink *sink, struct wire_done *ret_times,
                    struct failure *ret_failure);

// For paths: encode a held upright sRGB picture of one planned step in one encoding and deliver it.
bool session_deliver(struct session *session, const struct wire_planned *planned, const struct wire_encoding *encoding,
                     VipsImage *image);

// For paths: deliver bytes of their own making. output_too_large when they are more than the job allows.
bool session_send(struct session *session, const struct wire_planned *planned, enum media_format format,
                  const void *bytes, size_t length);

// For paths: make the facts from a held upright sRGB picture of any size, and deliver them.
bool session_deliver_facts(struct session *session, VipsImage *image);
