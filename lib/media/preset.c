// The presets, and the rules for sizes and pools.
#include "media/preset.h"

#include <assert.h>
#include <string.h>

static const struct preset default_preset = {
	.name = PRESET_NAME_DEFAULT,
	.steps = { { .name = "square", .width = 160, .height = 160, .fit = PRESET_COVER },
	           { .name = "w320", .width = 320, .fit = PRESET_INSIDE },
	           { .name = "w640", .width = 640, .fit = PRESET_INSIDE },
	           { .name = "w1280", .width = 1280, .fit = PRESET_INSIDE },
	           { .name = "w2048", .width = 2048, .fit = PRESET_INSIDE } },
	.step_count = 5,
	// Between and above the ladder's steps; few ever ask for them.
	.on_demand = { { .name = "w960", .width = 960, .fit = PRESET_INSIDE },
	               { .name = "w1600", .width = 1600, .fit = PRESET_INSIDE },
	               { .name = "w3840", .width = 3840, .fit = PRESET_INSIDE } },
	.on_demand_count = 3,
	.encodings = { { .format = FORMAT_JPEG, .quality = 80, .required = true, .pool = PRESET_POOL_FAST },
	               { .format = FORMAT_WEBP,
	                 .quality = 75,
	                 .effort = 4,
	                 .required = true,
	                 .pool = PRESET_POOL_FAST },
	               { .format = FORMAT_AVIF, .quality = 50, .effort = 3, .pool = PRESET_POOL_SLOW } },
	.encoding_count = 3,
};

const struct preset *preset_default(void)
{
	return &default_preset;
}

static const struct preset_step *find_step(const struct preset_step *steps, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(steps[i].name, name) == 0)
			return &steps[i];
	return NULL;
}

const struct preset_step *preset_find_step(const struct preset *preset, const char *name)
{
	return find_step(preset->steps, preset->step_count, name);
}

const struct preset_step *preset_find_on_demand(const struct preset *preset, const char *name)
{
	return find_step(preset->on_demand, preset->on_demand_count, name);
}

// value * numerator / denominator, rounded half up, at least 1. All are below 2^31, so nothing overflows.
static uint32_t scale_rounded(uint32_t value, uint32_t numerator, uint32_t denominator)
{
	uint64_t scaled = ((uint64_t)value * numerator * 2 + denominator) / ((uint64_t)denominator * 2);
	return scaled < 1 ? 1 : (uint32_t)scaled;
}

static struct preset_size inside_size(uint32_t step_width, uint32_t width, uint32_t height)
{
	uint32_t inside_width = step_width < width ? step_width : width;
	uint64_t exact_limit = (uint64_t)PRESET_MAX_SIDE * width;
	// Compare before rounding down to 32 bits: a strip 1 pixel wide can be 2^31 tall.
	if ((uint64_t)height * inside_width > exact_limit)
		return (struct preset_size){ scale_rounded(width, PRESET_MAX_SIDE, height), PRESET_MAX_SIDE };
	return (struct preset_size){ inside_width, scale_rounded(height, inside_width, width) };
}

static struct preset_size cover_size(const struct preset_step *step, uint32_t width, uint32_t height)
{
	if (width >= step->width && height >= step->height)
		return (struct preset_size){ step->width, step->height };
	// The direction in which the original falls short the most decides.
	if ((uint64_t)width * step->height <= (uint64_t)height * step->width)
		return (struct preset_size){ width, scale_rounded(step->height, width, step->width) };
	return (struct preset_size){ scale_rounded(step->width, height, step->height), height };
}

struct preset_size preset_step_size(const struct preset_step *step, uint32_t width, uint32_t height)
{
	assert(width >= 1 && height >= 1 && width <= INT32_MAX && height <= INT32_MAX);
	switch (step->fit) {
	case PRESET_INSIDE:
		return inside_size(step->width, width, height);
	case PRESET_COVER:
		return cover_size(step, width, height);
	case PRESET_CONTAIN:
		return (struct preset_size){ step->width, step->height };
	}
	return (struct preset_size){ 1, 1 };
}

struct preset_size preset_contained_size(const struct preset_step *step, uint32_t width, uint32_t height)
{
	assert(width >= 1 && height >= 1 && width <= INT32_MAX && height <= INT32_MAX);
	if (width <= step->width && height <= step->height)
		return (struct preset_size){ width, height };
	if ((uint64_t)width * step->height >= (uint64_t)height * step->width)
		return (struct preset_size){ step->width, scale_rounded(height, step->width, width) };
	return (struct preset_size){ scale_rounded(width, step->height, height), step->height };
}

static bool is_planned(const struct preset_planned *plan, size_t count, struct preset_size size)
{
	for (size_t i = 0; i < count; i++)
		if (plan[i].step->fit == PRESET_INSIDE && plan[i].size.width == size.width &&
		    plan[i].size.height == size.height)
			return true;
	return false;
}

size_t preset_plan(const struct preset *preset, uint32_t width, uint32_t height,
                   struct preset_planned ret_plan[PRESET_STEPS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < preset->step_count; i++) {
		const struct preset_step *step = &preset->steps[i];
		struct preset_size size = preset_step_size(step, width, height);
		if (step->fit == PRESET_INSIDE && is_planned(ret_plan, count, size))
			continue;
		ret_plan[count++] = (struct preset_planned){ step, size };
	}
	return count;
}

size_t preset_plan_on_demand(const struct preset *preset, uint32_t width, uint32_t height,
                             struct preset_planned ret_plan[PRESET_STEPS_MAX])
{
	struct preset_planned made[PRESET_STEPS_MAX];
	size_t made_count = preset_plan(preset, width, height, made), count = 0;
	for (size_t i = 0; i < preset->on_demand_count; i++) {
		const struct preset_step *step = &preset->on_demand[i];
		struct preset_size size = preset_step_size(step, width, height);
		if (step->fit == PRESET_INSIDE &&
		    (is_planned(made, made_count, size) || is_planned(ret_plan, count, size)))
			continue;
		ret_plan[count++] = (struct preset_planned){ step, size };
	}
	return count;
}

unsigned preset_on_demand_formats(const struct preset *preset)
{
	unsigned formats = 0;
	for (size_t i = 0; i < preset->encoding_count; i++)
		if (preset->encodings[i].required)
			formats |= FORMAT_BIT(preset->encodings[i].format);
	return formats;
}

bool preset_kind_has_on_demand(enum media_kind kind)
{
	return kind == MEDIA_PHOTO || kind == MEDIA_ANIMATION;
}

static const char *encoding_pool(const struct preset_encoding *encoding, enum media_kind kind)
{
	return kind == MEDIA_DOCUMENT ? PRESET_POOL_DOCUMENT : encoding->pool;
}

bool preset_pool_makes(const char *pool, enum media_kind kind, const struct preset_encoding *encoding)
{
	// The document profile opens only document loaders, and rendering a page twice to save bytes is no bargain.
	if (kind == MEDIA_FILE || (kind == MEDIA_DOCUMENT && !encoding->required))
		return false;
	return strcmp(encoding_pool(encoding, kind), pool) == 0;
}

static void add_pool(struct preset_pool *pools, size_t *count, const char *name, bool required)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(pools[i].name, name) == 0)
			return;
	assert(*count < PRESET_POOLS_MAX);
	pools[(*count)++] = (struct preset_pool){ name, required };
}

size_t preset_pools(const struct preset *preset, enum media_kind kind, bool with_optional,
                    struct preset_pool ret_pools[PRESET_POOLS_MAX])
{
	size_t count = 0;
	if (kind == MEDIA_FILE)
		return 0;
	for (size_t i = 0; i < preset->encoding_count; i++)
		if (preset->encodings[i].required)
			add_pool(ret_pools, &count, encoding_pool(&preset->encodings[i], kind), true);
	for (size_t i = 0; with_optional && kind != MEDIA_DOCUMENT && i < preset->encoding_count; i++)
		if (!preset->encodings[i].required)
			add_pool(ret_pools, &count, encoding_pool(&preset->encodings[i], kind), false);
	return count;
}
