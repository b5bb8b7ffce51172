// New generations of a media's variants.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "media/preset.h"
#include "media/state.h"

// Which pools get a job for a media of that preset and kind (preset_set_pools); false when there is no such preset.
typedef bool catalog_pools_function(void *context, const char *preset, enum media_kind kind,
                                    struct preset_pool ret_pools[PRESET_POOLS_MAX], size_t *ret_count);

struct media_reprocess {
	const struct uuid *owner_id; // NULL: anybody's (operators)
	struct uuid media_id;
	const char *preset; // to be made by from now on; NULL: by what it has, or the default when that is gone
	catalog_pools_function *pools; // called inside the transaction: must not block
	void *pools_context;
};

struct media_reprocessed {
	uint32_t generation; // that is being made
	bool is_new;         // false: one that has not been begun was under way already
};

// Make all variants anew, as a new generation, in the bulk lane; the old one is shown until that is complete, then its
// objects go after their grace. Jobs of a generation that is overtaken end. When those of the newest have not been
// begun and the preset stays, they serve this call too. RC_NOT_FOUND: no such media, or deleted; RC_CONFLICT: it is not
// ready, or a file; RC_INVALID: no such preset.
enum rc catalog_media_reprocess(const struct catalog *catalog, const struct catalog_call *call,
                                const struct media_reprocess *reprocess, struct media_reprocessed *ret_reprocessed,
                                struct err *err) MUST_CHECK;
