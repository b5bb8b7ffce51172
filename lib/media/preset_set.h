// The presets of a configuration: read from its [preset.NAME] sections, carried by whoever uses them.
//
//   [preset.default]
//   step.square = 160x160 cover entropy           a step's name and its words: WIDTH or WIDTHxHEIGHT first, then
//   step.w640 = 640 sharpen=20                    inside (default without a height) | cover (default with one) |
//   contain, step.card = 400x300 contain background=ffffff attention | entropy | centre, background=RRGGBB,
//   sharpen=1..100 encoding.jpeg = quality=80 required           a format of delivery and its words: quality=1..100,
//   effort=0..9, encoding.avif = quality=50 effort=3 pool=slow optional | required, pool=NAME; what is left out is as
//   in
//                                               the built-in preset
//   on_demand.w960 = 960                          a step that is made when somebody first asks for it
//   metadata = copyright                          strip (default) | copyright
//   profile = keep                                srgb (default) | keep
//
// A section begins as the built-in preset; the first `step.` line in it replaces all steps, the first `encoding.` line
// all encodings, the first `on_demand.` line all sizes on demand (`on_demand.none =` leaves none). The presets' order
// is the configuration's.
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/limits.h"
#include "media/preset.h"

struct settings;

// Immutable once made: any thread may read it. The `default` preset is always there.
struct preset_set {
	struct preset presets[LIMIT_PRESETS];
	size_t count;
};

// Read the sections. RC_INVALID, with "file:line: [preset.NAME] key: what is wrong": unknown keys and words, values out
// of range, a format or name given twice, a required encoding whose pool is not configured. Keeps nothing of settings.
// Caller frees with preset_set_free.
enum rc preset_set_new(const struct settings *settings, struct preset_set **ret_set, struct err *err) MUST_CHECK;

// Accepts NULL.
void preset_set_free(struct preset_set *set);

// By its exact name; NULL when there is none.
const struct preset *preset_set_find(const struct preset_set *set, const char *name);

// What a media is made by whose row says `name`: the default where that is not configured any more. Never NULL.
const struct preset *preset_set_choose(const struct preset_set *set, const char *name);

// True when some preset makes a size of that name in that format on demand.
bool preset_set_has_on_demand(const struct preset_set *set, const char *step, enum media_format format);

// The pools that get a job for a media of that preset and kind in an installation of these settings, required ones
// first: optional ones, and that of documents, only where it is configured. False when there is no such preset.
bool preset_set_pools(const struct preset_set *set, const struct settings *settings, const char *name,
                      enum media_kind kind, struct preset_pool ret_pools[PRESET_POOLS_MAX], size_t *ret_count);

// Whether presets can be read from these settings; for a service's --check-config.
enum rc preset_set_check(const struct settings *settings, struct err *err) MUST_CHECK;

// One line's value as a step or an encoding. RC_INVALID with what is wrong; nothing is written then.
enum rc preset_parse_step(const char *name, const char *words, struct preset_step *ret_step,
                          struct err *err) MUST_CHECK;
enum rc preset_parse_encoding(const char *format, const char *words, struct preset_encoding *ret_encoding,
                              struct err *err) MUST_CHECK;
