// Which variants a media gets: presets as data, and the one rule for their sizes.
//
// A preset is steps (sizes) x encodings (formats). Every size is computed from the ORIGINAL's upright size (orientation
// applied), never from another variant's: chained rounding makes heights drift (design: performance.md).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/format.h"
#include "media/object_key.h"
#include "media/state.h"

#define PRESET_NAME_DEFAULT "default"
#define PRESET_NAME_SIZE 33 // a preset's or pool's name with its NUL
#define PRESET_STEPS_MAX 8
#define PRESET_ENCODINGS_MAX 3 // as many as there are formats of delivery
#define PRESET_POOLS_MAX 4

// No variant is taller or wider, so that each fits every output format (WebP's own limit).
#define PRESET_MAX_SIDE 16383

enum preset_fit {
	PRESET_INSIDE,  // at most `width` wide, the whole picture, its own proportions
	PRESET_COVER,   // exactly `width` x `height`, the interesting part of the picture
	PRESET_CONTAIN, // exactly `width` x `height`, the whole picture on a background
};

// What a cover step keeps. The focal point that an owner has set goes before all of these.
enum preset_focus {
	PRESET_ATTENTION, // faces, saturated colours, edges (libvips's attention)
	PRESET_ENTROPY,   // where most happens
	PRESET_CENTRE,
};

#define PRESET_SHARPEN_MOST 100

// One size. Its name stands in object keys, URLs and the API.
struct preset_step {
	char name[VARIANT_NAME_SIZE];
	uint32_t width;  // pixels
	uint32_t height; // pixels, PRESET_COVER and PRESET_CONTAIN; 0 otherwise
	enum preset_fit fit;
	enum preset_focus focus; // PRESET_COVER only
	uint32_t background;     // 0xRRGGBB around the picture, PRESET_CONTAIN only
	unsigned sharpen;        // 0: not; to PRESET_SHARPEN_MOST
};

// One format in which every step is made.
struct preset_encoding {
	enum media_format format;
	unsigned quality;            // 1 - 100, in the format's own scale
	unsigned effort;             // WebP: method 0 - 6; AVIF: libheif's effort 0 - 9; unused for JPEG
	bool required;               // `ready` waits for it
	char pool[PRESET_NAME_SIZE]; // whose workers make it, of photos and animations (documents:
	                             // PRESET_POOL_DOCUMENT)
};

struct preset {
	char name[PRESET_NAME_SIZE];
	struct preset_step steps[PRESET_STEPS_MAX]; // in the order of their making: the first is the preview
	size_t step_count;
	struct preset_step on_demand[PRESET_STEPS_MAX]; // sizes that are made when somebody first asks for them
	size_t on_demand_count;
	struct preset_encoding encodings[PRESET_ENCODINGS_MAX];
	size_t encoding_count;
	bool keep_copyright; // EXIF's copyright and artist go into the variants; nothing else of the metadata ever does
	bool keep_profile;   // an embedded RGB profile and its colours stay; otherwise all becomes sRGB
};

#define PRESET_POOL_FAST "fast"
#define PRESET_POOL_SLOW "slow"
#define PRESET_POOL_DOCUMENT "document"
// Not of jobs: makes what is asked for on demand.
#define PRESET_POOL_RESIZE "resize"

// The built-in preset, which a [preset.default] section changes (media/preset_set.h). Static data, any thread.
const struct preset *preset_default(void);

// A step by its name; NULL when there is none.
const struct preset_step *preset_find_step(const struct preset *preset, const char *name);

struct preset_size {
	uint32_t width;
	uint32_t height;
};

// The size of one step's variant of an original of width x height pixels (each >= 1, at most 2^31 - 1):
// - PRESET_INSIDE: w = min(step width, width); h = height * w / width, rounded half up, at least 1. When h would exceed
//   PRESET_MAX_SIDE, h = PRESET_MAX_SIDE and w = width * h / height, rounded half up, at least 1.
// - PRESET_COVER: the step's own size; when the original is smaller in either direction, the largest box of the step's
//   proportions that fits into it, rounded half up, at least 1 a side.
// - PRESET_CONTAIN: the step's own size; the picture in it is not enlarged (preset_contained_size).
// Nothing is ever enlarged.
struct preset_size preset_step_size(const struct preset_step *step, uint32_t width, uint32_t height);

// The size that the original has within a PRESET_CONTAIN step's box: its own proportions, as large as fits, never
// enlarged, rounded half up, at least 1 a side.
struct preset_size preset_contained_size(const struct preset_step *step, uint32_t width, uint32_t height);

struct preset_planned {
	const struct preset_step *step;
	struct preset_size size;
};

// The steps that an original of that size gets, in the preset's order; returns how many. An inside step whose size
// equals an earlier inside step's is left out, so the steps above the original's width shrink to one of the original's
// own size; the first inside step always stays.
size_t preset_plan(const struct preset *preset, uint32_t width, uint32_t height,
                   struct preset_planned ret_plan[PRESET_STEPS_MAX]);

// A step of those made on demand by its name; NULL when there is none.
const struct preset_step *preset_find_on_demand(const struct preset *preset, const char *name);

// The steps that can be asked for of an original of that size: those that give a size of their own, which no step of
// preset_plan and no earlier one on demand gives. Returns how many.
size_t preset_plan_on_demand(const struct preset *preset, uint32_t width, uint32_t height,
                             struct preset_planned ret_plan[PRESET_STEPS_MAX]);

// The formats in which they are made, FORMAT_BIT()s: those that are required of every step, since somebody waits for
// them.
unsigned preset_on_demand_formats(const struct preset *preset);

// True when sizes on demand are made of media of that kind: of photos and animations, since only they have a pool.
bool preset_kind_has_on_demand(enum media_kind kind);

struct preset_pool {
	const char *name;
	bool required; // `ready` waits for its job
};

// The pools that get one job each for a media of that kind, required ones first; returns how many (none for
// MEDIA_FILE). Optional pools get a job only where the operator runs such a pool: pass with_optional accordingly.
size_t preset_pools(const struct preset *preset, enum media_kind kind, bool with_optional,
                    struct preset_pool ret_pools[PRESET_POOLS_MAX]);

// True when the job of this pool, for a media of this kind, makes that encoding.
bool preset_pool_makes(const char *pool, enum media_kind kind, const struct preset_encoding *encoding);
