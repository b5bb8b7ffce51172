// Encoding animations.
#include "transcoder/decoder/animation.h"

#include <webp/encode.h>
#include <webp/mux.h>

#include "base/clock.h"
#include "transcoder/decoder/picture.h"

// Of all frames of one variant together: some seconds of encoding.
#define PIXELS_MOST 40000000u
// Browsers show frames that say less for a tenth of a second, too: what was meant as "as fast as you can" in 1995.
#define DELAY_LEAST_MS 11
#define DELAY_MS 100
#define DELAY_MOST_MS 60000

struct reel {
	const struct wire_planned *planned;
	WebPAnimEncoder *encoder;
};

bool animation_takes(const struct session *session, const struct wire_planned *planned,
                     const struct wire_encoding *encoding)
{
	const struct source *source = &session->source;

	return encoding->format == FORMAT_WEBP && source->frames > 1 &&
	       (source->format == FORMAT_GIF || source->format == FORMAT_WEBP) && planned->step->fit == PRESET_INSIDE &&
	       (uint64_t)planned->size.width * planned->size.height * source->frames <= PIXELS_MOST;
}

static bool webp_failed(struct session *session, const char *text)
{
	return failure_set_codec(&session->failure, "encode animation", text);
}

static bool open_reel(struct session *session, struct reel *reel, VipsImage *strip)
{
	WebPAnimEncoderOptions options;
	int loop = 0;

	if (!WebPAnimEncoderOptionsInit(&options))
		return webp_failed(session, "another version of libwebpmux than was built for");
	if (vips_image_get_typeof(strip, "loop") != 0)
		(void)vips_image_get_int(strip, "loop", &loop);
	options.anim_params.loop_count = loop < 0 || loop > 65535 ? 0 : loop;
	reel->encoder = WebPAnimEncoderNew((int)reel->planned->size.width, (int)reel->planned->size.height, &options);
	return reel->encoder != NULL || webp_failed(session, "out of memory");
}

// Milliseconds for which a frame is shown.
static int frame_delay(VipsImage *strip, uint32_t frame)
{
	int *delays, count = 0;

	if (vips_image_get_typeof(strip, "delay") == 0 ||
	    vips_image_get_array_int(strip, "delay", &delays, &count) != 0 || frame >= (uint32_t)count ||
	    delays[frame] < DELAY_LEAST_MS)
		return DELAY_MS;
	return delays[frame] > DELAY_MOST_MS ? DELAY_MOST_MS : delays[frame];
}

static bool add_frame(struct session *session, struct reel *reel, VipsImage *frame, int at_ms, const WebPConfig *config)
{
	CLEANUP(picture_unref) VipsImage *image = g_object_ref(frame);
	WebPPicture picture;
	bool added;

	if (!picture_resize(&image, reel->planned->size.width, reel->planned->size.height, &session->failure) ||
	    !picture_hold(&image, &session->failure))
		return false;
	if (!WebPPictureInit(&picture))
		return webp_failed(session, "another version of libwebp than was built for");
	picture.use_argb = 1; // frames are compared as they are
	added = picture_import_webp(image, &picture) == 0 && WebPAnimEncoderAdd(reel->encoder, &picture, at_ms, config);
	WebPPictureFree(&picture);
	return added || webp_failed(session, WebPAnimEncoderGetError(reel->encoder));
}

// The next frame of the strip, upright and of 8-bit colours. The strip is read from top to bottom, once.
static bool take_frame(struct session *session, VipsImage *strip, uint32_t frame, VipsImage **ret_image)
{
	uint32_t height = session->source.height;
	VipsImage *image = NULL;

	if (vips_extract_area(strip, &image, 0, (int)(frame * height), (int)session->source.width, (int)height, NULL) !=
	    0)
		return picture_failed(&session->failure, "decode");
	if (!picture_to_srgb(&image, &session->failure) || !picture_hold(&image, &session->failure)) {
		g_object_unref(image);
		return false;
	}
	picture_forget_metadata(image);
	*ret_image = image;
	return true;
}

static bool add_frames(struct session *session, VipsImage *strip, struct reel *reels, size_t count,
                       const WebPConfig *config)
{
	int at_ms = 0;

	for (uint32_t i = 0; i < session->source.frames; i++) {
		CLEANUP(picture_unref) VipsImage *frame = NULL;

		if (!take_frame(session, strip, i, &frame))
			return false;
		for (size_t j = 0; j < count; j++)
			if (!add_frame(session, &reels[j], frame, at_ms, config))
				return false;
		at_ms += frame_delay(strip, i);
	}
	for (size_t j = 0; j < count; j++)
		if (!WebPAnimEncoderAdd(reels[j].encoder, NULL, at_ms, NULL))
			return webp_failed(session, WebPAnimEncoderGetError(reels[j].encoder));
	return true;
}

static bool send_reel(struct session *session, const struct reel *reel)
{
	WebPData data;
	bool sent;

	WebPDataInit(&data);
	if (!WebPAnimEncoderAssemble(reel->encoder, &data))
		return webp_failed(session, WebPAnimEncoderGetError(reel->encoder));
	sent = session_send(session, reel->planned, FORMAT_WEBP, data.bytes, data.size);
	WebPDataClear(&data);
	return sent;
}

static bool run_reels(struct session *session, VipsImage *strip, struct reel *reels, size_t count,
                      const struct wire_encoding *encoding)
{
	int64_t before = clock_monotonic_us();
	WebPConfig config;

	if (!picture_configure_webp(encoding, &config))
		return webp_failed(session, "another version of libwebp than was built for");
	for (size_t i = 0; i < count; i++)
		if (!open_reel(session, &reels[i], strip))
			return false;
	if (!add_frames(session, strip, reels, count, &config))
		return false;
	session->times.encode_us += (uint64_t)(clock_monotonic_us() - before);
	for (size_t i = 0; i < count; i++)
		if (!send_reel(session, &reels[i]))
			return false;
	return true;
}

bool animation_deliver(struct session *session, const struct wire_planned *const *steps, size_t count,
                       const struct wire_encoding *encoding)
{
	struct reel reels[WIRE_STEPS] = { { 0 } };
	CLEANUP(picture_unref) VipsImage *strip = NULL;
	bool done;

	if (!source_decode_frames(&session->source, &strip, &session->failure))
		return false;
	for (size_t i = 0; i < count; i++)
		reels[i].planned = steps[i];
	done = run_reels(session, strip, reels, count, encoding);
	for (size_t i = 0; i < count; i++)
		WebPAnimEncoderDelete(reels[i].encoder);
	return done;
}
