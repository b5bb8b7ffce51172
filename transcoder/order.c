// Orders for decoder children.
#include "transcoder/order.h"

#include <string.h>

#include "base/settings.h"
#include "media/preset_set.h"
#include "transcoder/pool.h"
#include "transcoder/resize.h"
#include "transcoder/transcoder.h"

// The preset's steps, and the encodings that this pool makes.
static void order_ladder(const struct task *task, const struct preset *preset, struct wire_job *job)
{
	// A later generation shows when it is whole, so nobody waits for its preview.
	job->preview_first = task->claim.published_generation == 0;
	job->step_count = (unsigned)preset->step_count;
	memcpy(job->steps, preset->steps, sizeof job->steps);
	for (size_t i = 0; i < preset->encoding_count && job->encoding_count < WIRE_ENCODINGS; i++) {
		const struct preset_encoding *encoding = &preset->encodings[i];
		if (preset_pool_makes(task->pool->name, task->claim.kind, encoding))
			job->encodings[job->encoding_count++] = (struct wire_encoding){ .format = encoding->format,
				                                                        .quality = encoding->quality,
				                                                        .effort = encoding->effort };
	}
}

void order_make(const struct transcoder *transcoder, const struct task *task, struct wire_job *ret_job)
{
	const struct settings *settings = transcoder->settings;
	const struct preset *preset = preset_set_choose(transcoder->presets, task->claim.preset);
	int64_t own_pixels = pool_read_live(task->pool).max_pixels;
	const struct job_claim *claim = &task->claim;
	struct wire_job job = { .keep_position = claim->keep_positions,
		                .keep_copyright = preset->keep_copyright,
		                .keep_profile = preset->keep_profile,
		                .has_focal = claim->has_focal,
		                .focal_x = (uint32_t)(claim->focal_x * WIRE_FOCAL_MOST + 0.5),
		                .focal_y = (uint32_t)(claim->focal_y * WIRE_FOCAL_MOST + 0.5) };
	job.limits = (struct wire_limits){ .max_pixels = (uint64_t)(own_pixels > 0 ? own_pixels
		                                                                   : settings->transcoder_max_pixels),
		                           .max_side = (uint32_t)settings->transcoder_max_side,
		                           .max_frames = (uint32_t)settings->transcoder_max_frames,
		                           .max_pages = (uint32_t)settings->transcoder_max_pages,
		                           .max_output_bytes = (uint64_t)settings->transcoder_max_output_bytes };
	if (task->resize != NULL)
		resize_describe(task->resize, &job);
	else
		order_ladder(task, preset, &job);
	*ret_job = job;
}
