// Decoding a JPEG to its planes.
#include <stdlib.h>

#include "base/cleanup.h"
#include "transcoder/decoder/icc.h"
#include "transcoder/decoder/planar_jpeg.h"
#include "transcoder/decoder/planar_jpeg_error.h"

#include <jerror.h>

#define PROFILE_MARKER (JPEG_APP0 + 2)
#define SAMPLING_MOST 4
#define ROWS_AT_ONCE (SAMPLING_MOST * DCTSIZE) // of one component, the most that libjpeg gives

struct decode {
	struct jpeg_decompress_struct info;
	struct planar_jpeg_error error;
	struct jpeg_source_mgr input;
	const uint8_t *bytes;
	size_t length;
	int shrink;
	bool has_profile, is_rgb_profile, is_srgb_profile; // once the header has been read
	struct planar_source *source;
};

// ---- the file as libjpeg's input ----

static void ignore_source(j_decompress_ptr info)
{
	(void)info;
}

static boolean fail_at_end(j_decompress_ptr info)
{
	ERREXIT(info, JERR_INPUT_EOF); // does not return
	return FALSE;
}

static void skip_bytes(j_decompress_ptr info, long count)
{
	if (count <= 0)
		return;
	if ((size_t)count > info->src->bytes_in_buffer)
		(void)fail_at_end(info);
	info->src->next_input_byte += count;
	info->src->bytes_in_buffer -= (size_t)count;
}

static void create(void *context)
{
	struct decode *decode = context;

	jpeg_create_decompress(&decode->info);
	decode->input = (struct jpeg_source_mgr){ .next_input_byte = decode->bytes,
		                                  .bytes_in_buffer = decode->length,
		                                  .init_source = ignore_source,
		                                  .fill_input_buffer = fail_at_end,
		                                  .skip_input_data = skip_bytes,
		                                  .resync_to_restart = jpeg_resync_to_restart,
		                                  .term_source = ignore_source };
	decode->info.src = &decode->input;
}

static bool open_decode(struct decode *decode, const uint8_t *bytes, size_t length)
{
	*decode = (struct decode){ .bytes = bytes, .length = length };
	decode->info.err = planar_jpeg_error_init(&decode->error);
	return planar_jpeg_guard(&decode->error, create, decode);
}

static void close_decode(struct decode *decode)
{
	jpeg_destroy_decompress(&decode->info);
}

// ---- what it is ----

static void read_profile(void *context)
{
	struct decode *decode = context;
	JOCTET *profile = NULL;
	unsigned length = 0;

	jpeg_save_markers(&decode->info, PROFILE_MARKER, 0xffff);
	(void)jpeg_read_header(&decode->info, TRUE);
	// A broken profile is ignored, as by the general path.
	if (jpeg_read_icc_profile(&decode->info, &profile, &length)) {
		decode->has_profile = true;
		decode->is_rgb_profile = icc_is_rgb(profile, length);
		decode->is_srgb_profile = icc_is_srgb(profile, length);
		free(profile);
	}
}

// (A grey picture's profile of colours is not to be kept.)
static bool accepts_profile(const struct decode *decode, bool keeps_profile)
{
	if (!decode->has_profile)
		return true;
	return keeps_profile ? decode->is_rgb_profile && decode->info.num_components == PLANAR_PLANES
	                     : decode->is_srgb_profile;
}

bool planar_jpeg_accepts(const uint8_t *bytes, size_t length, bool keeps_profile)
{
	CLEANUP(close_decode) struct decode decode = { 0 };
	const struct jpeg_decompress_struct *info = &decode.info;

	if (!open_decode(&decode, bytes, length) || !planar_jpeg_guard(&decode.error, read_profile, &decode))
		return false;
	if (info->data_precision != 8 || !accepts_profile(&decode, keeps_profile))
		return false;
	return (info->jpeg_color_space == JCS_YCbCr && info->num_components == PLANAR_PLANES) ||
	       (info->jpeg_color_space == JCS_GRAYSCALE && info->num_components == 1);
}

// ---- pixels ----

static void start(void *context)
{
	struct decode *decode = context;
	struct jpeg_decompress_struct *info = &decode->info;

	(void)jpeg_read_header(info, TRUE);
	info->scale_num = 1;
	info->scale_denom = (unsigned)decode->shrink;
	info->out_color_space = info->jpeg_color_space;
	info->raw_data_out = TRUE;
	info->do_fancy_upsampling = FALSE;
	(void)jpeg_start_decompress(info);
}

static bool make_planes(struct decode *decode)
{
	const struct jpeg_decompress_struct *info = &decode->info;
	struct planar_source *source = decode->source;

	source->width = info->image_width;
	source->height = info->image_height;
	source->plane_count = (unsigned)info->num_components;
	for (unsigned i = 0; i < source->plane_count; i++) {
		const jpeg_component_info *component = &info->comp_info[i];
		double unit = (double)DCTSIZE / component->DCT_scaled_size;

		if (!planar_plane_init(&source->planes[i], component->downsampled_width, component->downsampled_height))
			return false;
		source->cover_x[i] = unit * info->max_h_samp_factor / component->h_samp_factor;
		source->cover_y[i] = unit * info->max_v_samp_factor / component->v_samp_factor;
	}
	return true;
}

// Where libjpeg puts row `index`. It writes whole blocks, for which the planes' padding has room; of a group's rows
// beyond those it never writes one, but wants an address.
static uint8_t *find_row(const struct planar_plane *plane, uint32_t index)
{
	uint32_t last = (plane->height + PLANAR_ALIGNMENT - 1) / PLANAR_ALIGNMENT * PLANAR_ALIGNMENT - 1;

	return plane->samples + (index < last ? index : last) * plane->stride;
}

static void read_rows(void *context)
{
	struct decode *decode = context;
	struct jpeg_decompress_struct *info = &decode->info;
	JDIMENSION lines = (JDIMENSION)(info->max_v_samp_factor * info->min_DCT_scaled_size);
	JSAMPROW rows[PLANAR_PLANES][ROWS_AT_ONCE];
	JSAMPARRAY pointers[PLANAR_PLANES] = { rows[0], rows[1], rows[2] };

	for (JDIMENSION group = 0; info->output_scanline < info->output_height; group++) {
		for (unsigned i = 0; i < decode->source->plane_count; i++) {
			const struct planar_plane *plane = &decode->source->planes[i];
			unsigned count =
			        (unsigned)(info->comp_info[i].v_samp_factor * info->comp_info[i].DCT_scaled_size);

			for (unsigned j = 0; j < count && j < ROWS_AT_ONCE; j++)
				rows[i][j] = find_row(plane, group * count + j);
		}
		(void)jpeg_read_raw_data(info, pointers, lines);
	}
}

bool planar_jpeg_decode(const uint8_t *bytes, size_t length, int shrink, struct planar_source *ret_source,
                        struct failure *failure)
{
	CLEANUP(close_decode) struct decode decode = { 0 };
	struct planar_source source = { 0 };
	bool done = open_decode(&decode, bytes, length);

	decode.shrink = shrink;
	decode.source = &source;
	done = done && planar_jpeg_guard(&decode.error, start, &decode);
	if (done && !make_planes(&decode)) {
		planar_source_done(&source);
		return failure_set(failure, REASON_DECODE_MEMORY, "decode: no memory for the planes");
	}
	done = done && planar_jpeg_guard(&decode.error, read_rows, &decode);
	if (!done) {
		planar_source_done(&source);
		return failure_set_codec(failure, "decode", decode.error.text);
	}
	*ret_source = source;
	return true;
}

void planar_source_done(struct planar_source *source)
{
	for (size_t i = 0; i < PLANAR_PLANES; i++)
		planar_plane_done(&source->planes[i]);
}
