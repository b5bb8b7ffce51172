// A job from its bytes to its last variant.
#include "transcoder/decoder/session.h"

#include <string.h>

#include "base/clock.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/placeholder.h"
#include "transcoder/decoder/sniff.h"

static bool run_job(struct session *session, const uint8_t *bytes, size_t length,
                    const struct decode_path *const *paths, size_t path_count)
{
	const struct source *source = &session->source;

	if (!source_open(bytes, length, session->formats, session->job, &session->source, &session->failure))
		return false;
	session->plan_count = wire_plan(session->job, source->upright_width, source->upright_height, session->plan);
	for (size_t i = 0; i < path_count; i++) {
		if (paths[i]->accepts(session))
			return paths[i]->run(session);
	}
	return failure_set(&session->failure, REASON_INTERNAL, "no path takes this picture");
}

static bool run_session(struct session *session, const uint8_t *bytes, size_t length,
                        const struct decode_path *const *paths, size_t path_count, struct wire_done *ret_times,
                        struct failure *ret_failure)
{
	session->started_us = clock_monotonic_us();
	if (!run_job(session, bytes, length, paths, path_count)) {
		if (session->failure.reason == REASON_DECODE_FAILED && sniff_is_cut(bytes, length))
			session->failure.reason = REASON_TRUNCATED;
		*ret_failure = session->failure;
		return false;
	}
	session->times.total_us = (uint64_t)(clock_monotonic_us() - session->started_us);
	session->times.decode_us = session->times.total_us - session->times.encode_us;
	*ret_times = session->times;
	return true;
}

bool session_run_by(const struct decode_path *const *paths, size_t path_count, const struct wire_job *job,
                    const uint8_t *bytes, size_t length, const struct sink *sink, struct wire_done *ret_times,
                    struct failure *ret_failure)
{
	struct session session = { .job = job, .formats = profile_photo.formats, .sink = sink };

	return run_session(&session, bytes, length, paths, path_count, ret_times, ret_failure);
}

bool session_run(const struct profile *profile, const struct wire_job *job, const uint8_t *bytes, size_t length,
                 const struct sink *sink, struct wire_done *ret_times, struct failure *ret_failure)
{
	static const struct decode_path *const paths[] = { &decode_path_planar, &decode_path_general };
	struct session session = { .job = job, .formats = profile->formats, .sink = sink };

	return run_session(&session, bytes, length, paths, sizeof(paths) / sizeof(paths[0]), ret_times, ret_failure);
}

bool session_send(struct session *session, const struct wire_planned *planned, enum media_format format,
                  const void *bytes, size_t length)
{
	struct wire_variant variant = {
		.format = format, .width = planned->size.width, .height = planned->size.height, .bytes = length
	};
	uint64_t most = session->job->limits.max_output_bytes;

	if (length > most)
		return failure_set(&session->failure, REASON_OUTPUT_TOO_LARGE,
		                   "a variant of %zu bytes, at most %llu are allowed", length,
		                   (unsigned long long)most);
	memcpy(variant.name, planned->step->name, sizeof(variant.name));
	return session->sink->variant(session->sink->context, &variant, bytes, &session->failure);
}

bool session_deliver(struct session *session, const struct wire_planned *planned, const struct wire_encoding *encoding,
                     VipsImage *image)
{
	int64_t before = clock_monotonic_us();
	void *bytes = NULL;
	size_t length = 0;
	bool sent;

	if (!picture_encode(image, encoding, &bytes, &length, &session->failure))
		return false;
	session->times.encode_us += (uint64_t)(clock_monotonic_us() - before);
	sent = session_send(session, planned, encoding->format, bytes, length);
	g_free(bytes);
	return sent;
}

bool session_deliver_facts(struct session *session, VipsImage *image)
{
	const struct source *source = &session->source;
	struct wire_facts facts = {
		.width = source->upright_width,
		.height = source->upright_height,
		.frames = source->frames,
		.pages = source->pages,
		.orientation = source->orientation,
		.has_alpha = source->has_alpha,
		.source = source->format,
		.exif = source->exif,
	};

	if (!placeholder_make(image, &facts, &session->failure))
		return false;
	return session->sink->facts(session->sink->context, &facts, &session->failure);
}
