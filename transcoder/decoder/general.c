// The general path: libvips decodes once to the largest size that is needed, smaller pictures are made from larger ones
// in memory.
//
// Each variant has a "whole": the whole picture at the scale the variant needs. For an inside step that is the variant;
// for a cover step it is what the variant is cut from. Wholes are resized one from the next, largest first, but each to
// the size that follows from the original's: chained rounding would make heights drift.
#include "transcoder/decoder/session.h"

#include <stdlib.h>

#include "base/clock.h"
#include "transcoder/decoder/animation.h"
#include "transcoder/decoder/picture.h"

struct rung {
	const struct wire_planned *planned;
	struct preset_size whole;
	VipsImage *image; // held, upright, sRGB, of the variant's size
	bool sent;        // in all its encodings
};

static bool accepts_all(const struct session *session)
{
	(void)session;
	return true;
}

// Colours as the preset wants them. A profile is kept only where it is one of red, green and blue.
static bool set_colours(const struct session *session, VipsImage **image, struct failure *failure)
{
	VipsInterpretation interpretation = vips_image_get_interpretation(*image);

	if (session->job->keep_profile &&
	    (interpretation == VIPS_INTERPRETATION_sRGB || interpretation == VIPS_INTERPRETATION_RGB16))
		return picture_to_rgb(image, failure);
	if (!picture_to_srgb(image, failure))
		return false;
	(void)vips_image_remove(*image, VIPS_META_ICC_NAME); // it is said no more of these colours
	return true;
}

// Decode to an upright sRGB picture of exactly that size, in memory.
static bool decode_whole(struct session *session, struct preset_size whole, VipsImage **ret_image)
{
	const struct source *source = &session->source;
	struct failure *failure = &session->failure;
	bool turned = source->orientation >= 5;
	uint32_t width = turned ? whole.height : whole.width, height = turned ? whole.width : whole.height;
	VipsImage *image = NULL;

	if (!source_decode(source, source_shrink(source, width, height), &image, failure))
		return false;
	// Colours and orientation come after the resize: there are fewer pixels then.
	if (!picture_resize(&image, width, height, failure) || !set_colours(session, &image, failure) ||
	    !picture_hold(&image, failure) || !picture_turn_upright(&image, source->orientation, failure)) {
		g_object_unref(image);
		return false;
	}
	picture_keep_metadata(image, session->job);
	*ret_image = image;
	return true;
}

// The variant's picture from a larger whole; *whole becomes the whole of this rung.
static bool make_rung(struct session *session, struct rung *rung, VipsImage **whole)
{
	if (!picture_resize(whole, rung->whole.width, rung->whole.height, &session->failure) ||
	    !picture_hold(whole, &session->failure))
		return false;
	return picture_fit(*whole, session->job, rung->planned, &rung->image, &session->failure);
}

// Send the preview in all its encodings.
static bool encode_preview(struct session *session, struct rung *preview)
{
	for (size_t i = 0; i < session->job->encoding_count; i++) {
		if (!session_deliver(session, preview->planned, &session->job->encodings[i], preview->image))
			return false;
	}
	preview->sent = true;
	session->times.preview_us = (uint64_t)(clock_monotonic_us() - session->started_us);
	return true;
}

// Facts and preview from a small decode of their own.
static bool send_preview(struct session *session, struct rung *preview)
{
	CLEANUP(picture_unref) VipsImage *whole = NULL;

	return decode_whole(session, preview->whole, &whole) && session_deliver_facts(session, whole) &&
	       make_rung(session, preview, &whole) && encode_preview(session, preview);
}

static int compare_rungs(const void *left, const void *right)
{
	const struct rung *a = left, *b = right;

	return a->whole.width == b->whole.width ? 0 : a->whole.width > b->whole.width ? -1 : 1;
}

// Make the pictures of all rungs (largest first); facts go out as soon as there is a picture when they have not yet.
static bool make_ladder(struct session *session, struct rung *rungs, size_t count, bool facts_sent)
{
	CLEANUP(picture_unref) VipsImage *whole = NULL;

	if (!decode_whole(session, rungs[0].whole, &whole))
		return false;
	if (!facts_sent && !session_deliver_facts(session, whole))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!make_rung(session, &rungs[i], &whole))
			return false;
	}
	return true;
}

// One encoding of all rungs that are not sent, small files before large ones, what moves last.
static bool encode_rungs(struct session *session, const struct wire_encoding *encoding, const struct rung *rungs,
                         size_t count)
{
	const struct wire_planned *moving[WIRE_STEPS];
	size_t moving_count = 0;

	for (size_t i = count; i-- > 0;) {
		if (rungs[i].sent)
			continue;
		if (animation_takes(session, rungs[i].planned, encoding))
			moving[moving_count++] = rungs[i].planned;
		else if (!session_deliver(session, rungs[i].planned, encoding, rungs[i].image))
			return false;
	}
	return moving_count == 0 || animation_deliver(session, moving, moving_count, encoding);
}

// Quick formats before slow ones.
static bool encode_ladder(struct session *session, const struct rung *rungs, size_t count)
{
	for (size_t i = 0; i < session->job->encoding_count; i++)
		if (!encode_rungs(session, &session->job->encodings[i], rungs, count))
			return false;
	return true;
}

static struct rung *find_preview(const struct session *session, struct rung *rungs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rungs[i].planned == &session->plan[0])
			return &rungs[i];
	}
	return NULL;
}

static bool run_rungs(struct session *session, struct rung *rungs, size_t count)
{
	bool preview_first = session->job->preview_first;
	// Only a JPEG can be decoded small for little; for others a decode of its own would double the work.
	bool own_preview = preview_first && session->source.format == FORMAT_JPEG && count > 1;
	struct rung *preview;

	if (own_preview) {
		if (!send_preview(session, &rungs[0]))
			return false;
		rungs++;
		count--;
	}
	qsort(rungs, count, sizeof(rungs[0]), compare_rungs);
	if (!make_ladder(session, rungs, count, own_preview))
		return false;
	preview = find_preview(session, rungs, count);
	if (preview_first && preview != NULL && !encode_preview(session, preview))
		return false;
	return encode_ladder(session, rungs, count);
}

static bool run_general(struct session *session)
{
	struct rung rungs[WIRE_STEPS] = { { 0 } };
	bool done;

	for (size_t i = 0; i < session->plan_count; i++)
		rungs[i] = (struct rung){ .planned = &session->plan[i],
			                  .whole = picture_whole_size(&session->plan[i], session->source.upright_width,
			                                              session->source.upright_height) };
	done = run_rungs(session, rungs, session->plan_count);
	for (size_t i = 0; i < session->plan_count; i++)
		g_clear_object(&rungs[i].image);
	return done;
}

const struct decode_path decode_path_general = { .name = "general", .accepts = accepts_all, .run = run_general };
