// The planar path: JPEG photos as their YCbCr planes, which JPEG, WebP and AVIF all store, from file to file without a
// way over RGB. It takes what is YCbCr or grey in sRGB, or with a profile that the variants keep; everything else is
// left to the general path.
//
// As there, each variant has a "whole", wholes are made one from the next, and each has the size that follows from the
// original's. An upright whole is made by one resize of the stored planes: turning costs nothing then, and chroma keeps
// its place also where a side is odd. What is cut, put on a background or sharpened is so by the general path's own
// code.
#include "transcoder/decoder/session.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/planar_files.h"
#include "transcoder/decoder/planar_jpeg.h"
#include "transcoder/decoder/planar_shrink.h"
#include "transcoder/decoder/planar_whole.h"

struct rung {
	const struct wire_planned *planned;
	struct preset_size whole;
	struct planar_picture picture; // the whole
	VipsImage *fitted;             // what libvips made of it, where it had to
	bool sent;                     // in all its encodings
};

static bool accepts_photo(const struct session *session)
{
	const struct wire_job *job = session->job;

	if (session->source.format != FORMAT_JPEG)
		return false;
	for (size_t i = 0; i < job->encoding_count; i++) {
		if (!planar_files_can(&job->encodings[i]))
			return false;
		if ((job->keep_copyright || job->keep_profile) && job->encodings[i].format == FORMAT_AVIF)
			return false; // libvips writes them into its boxes
	}
	return planar_jpeg_accepts(session->source.bytes, session->source.length, job->keep_profile);
}

// What the variants keep of the file's metadata.
static bool read_kept(struct session *session)
{
	CLEANUP(picture_unref) VipsImage *header = NULL;

	if (!session->job->keep_copyright && !session->job->keep_profile)
		return true;
	if (!source_decode(&session->source, 1, &header, &session->failure))
		return false;
	if (vips_copy(header, &session->kept, NULL) != 0)
		return picture_failed(&session->failure, "metadata");
	picture_keep_metadata(session->kept, session->job);
	if (!picture_has_metadata(session->kept))
		g_clear_object(&session->kept);
	return true;
}

// The scale at which the stored picture is still as large as the rung's whole.
static int find_shrink(const struct session *session, const struct rung *rung)
{
	const struct source *source = &session->source;
	bool turned = source->orientation >= 5;

	return source_shrink(source, turned ? rung->whole.height : rung->whole.width,
	                     turned ? rung->whole.width : rung->whole.height);
}

static bool make_whole(struct session *session, const struct planar_source *stored, struct rung *rung)
{
	return planar_whole_make(stored, session->source.orientation, rung->whole.width, rung->whole.height,
	                         &rung->picture, &session->failure);
}

// A small picture straight from the stored ones' means, long before the ladder comes down to it.
static bool make_small(struct session *session, const struct planar_source *stored, struct rung *rung)
{
	CLEANUP(planar_source_done) struct planar_source means = { 0 };

	if (!planar_shrink_source(stored, (unsigned)find_shrink(session, rung), &means))
		return failure_set(&session->failure, REASON_DECODE_MEMORY, "no memory for a picture");
	return make_whole(session, &means, rung);
}

static bool make_rgb(struct session *session, const struct planar_picture *picture, VipsImage **ret_image)
{
	struct failure *failure = &session->failure;
	size_t length = (size_t)picture->width * picture->height * 3;
	CLEANUP(free_pointer) uint8_t *rgb = planar_whole_to_rgb(picture);
	VipsImage *image;

	if (rgb == NULL)
		return failure_set(failure, REASON_DECODE_MEMORY, "no memory for a picture");
	image = vips_image_new_from_memory_copy(rgb, length, (int)picture->width, (int)picture->height, 3,
	                                        VIPS_FORMAT_UCHAR);
	if (image == NULL)
		return picture_failed(failure, "colour");
	image->Type = VIPS_INTERPRETATION_sRGB;
	if (session->kept != NULL)
		picture_copy_metadata(session->kept, image);
	*ret_image = image;
	return true;
}

static bool send_facts(struct session *session, const struct planar_picture *picture)
{
	CLEANUP(picture_unref) VipsImage *image = NULL;

	return make_rgb(session, picture, &image) && session_deliver_facts(session, image);
}

// The variant's picture for steps that libvips has a hand in; for the others the whole is the variant.
static bool fit_rung(struct session *session, struct rung *rung)
{
	const struct preset_step *step = rung->planned->step;
	CLEANUP(picture_unref) VipsImage *whole = NULL;

	if (step->fit == PRESET_INSIDE && step->sharpen == 0)
		return true;
	return make_rgb(session, &rung->picture, &whole) &&
	       picture_fit(whole, session->job, rung->planned, &rung->fitted, &session->failure);
}

static bool encode_rung(struct session *session, struct rung *rung, const struct wire_encoding *encoding)
{
	void *bytes = NULL;
	size_t length = 0;
	int64_t before;
	bool sent;

	if (rung->fitted == NULL && !fit_rung(session, rung))
		return false;
	if (rung->fitted != NULL)
		return session_deliver(session, rung->planned, encoding, rung->fitted);
	before = clock_monotonic_us();
	if (!planar_files_encode(&rung->picture, encoding, &bytes, &length, &session->failure))
		return false;
	if (session->kept != NULL && picture_add_metadata(session->kept, encoding->format, &bytes, &length) != 0) {
		g_free(bytes);
		return picture_failed(&session->failure, "metadata");
	}
	session->times.encode_us += (uint64_t)(clock_monotonic_us() - before);
	sent = session_send(session, rung->planned, encoding->format, bytes, length);
	g_free(bytes);
	return sent;
}

static bool encode_preview(struct session *session, struct rung *preview)
{
	for (size_t i = 0; i < session->job->encoding_count; i++) {
		if (!encode_rung(session, preview, &session->job->encodings[i]))
			return false;
	}
	preview->sent = true;
	session->times.preview_us = (uint64_t)(clock_monotonic_us() - session->started_us);
	return true;
}

static int compare_wholes(const void *left, const void *right)
{
	const struct rung *a = *(const struct rung *const *)left, *b = *(const struct rung *const *)right;

	return a->whole.width == b->whole.width ? 0 : a->whole.width > b->whole.width ? -1 : 1;
}

// The pictures of all rungs that have none yet, from the largest to the smallest.
static bool make_ladder(struct session *session, const struct planar_source *stored, struct rung *const *rungs,
                        size_t count)
{
	const struct rung *above = NULL;

	for (size_t i = 0; i < count; i++) {
		struct rung *rung = rungs[i];

		if (rung->picture.width != 0)
			continue;
		if (above == NULL ? !make_whole(session, stored, rung)
		                  : !planar_whole_resize(&above->picture, rung->whole.width, rung->whole.height,
		                                         &rung->picture, &session->failure))
			return false;
		above = rung;
	}
	return true;
}

// Quick formats before slow ones, small files before large ones.
static bool encode_ladder(struct session *session, struct rung *const *rungs, size_t count)
{
	for (size_t i = 0; i < session->job->encoding_count; i++) {
		for (size_t j = count; j-- > 0;) {
			if (!rungs[j]->sent && !encode_rung(session, rungs[j], &session->job->encodings[i]))
				return false;
		}
	}
	return true;
}

// Decoded once, no larger than the largest rung needs. The preview and the facts come from means of that, and leave
// before any other size is made.
static bool make_pictures(struct session *session, struct rung *preview, struct rung *const *ordered, size_t count)
{
	CLEANUP(planar_source_done) struct planar_source stored = { 0 };

	if (!planar_jpeg_decode(session->source.bytes, session->source.length, find_shrink(session, ordered[0]),
	                        &stored, &session->failure))
		return false;
	if (preview != NULL && (!make_small(session, &stored, preview) || !send_facts(session, &preview->picture) ||
	                        !encode_preview(session, preview)))
		return false;
	return make_ladder(session, &stored, ordered, count);
}

static bool run_rungs(struct session *session, struct rung *rungs, size_t count)
{
	struct rung *ordered[WIRE_STEPS];
	bool preview_first = session->job->preview_first;

	for (size_t i = 0; i < count; i++)
		ordered[i] = &rungs[i];
	qsort(ordered, count, sizeof(ordered[0]), compare_wholes);
	if (!make_pictures(session, preview_first ? &rungs[0] : NULL, ordered, count))
		return false;
	if (!preview_first && !send_facts(session, &ordered[count - 1]->picture))
		return false;
	return encode_ladder(session, ordered, count);
}

static bool run_planar(struct session *session)
{
	struct rung rungs[WIRE_STEPS] = { { 0 } };
	bool done;

	for (size_t i = 0; i < session->plan_count; i++)
		rungs[i] = (struct rung){ .planned = &session->plan[i],
			                  .whole = picture_whole_size(&session->plan[i], session->source.upright_width,
			                                              session->source.upright_height) };
	done = read_kept(session) && run_rungs(session, rungs, session->plan_count);
	g_clear_object(&session->kept);
	for (size_t i = 0; i < session->plan_count; i++) {
		planar_picture_done(&rungs[i].picture);
		g_clear_object(&rungs[i].fitted);
	}
	return done;
}

const struct decode_path decode_path_planar = { .name = "planar", .accepts = accepts_photo, .run = run_planar };
