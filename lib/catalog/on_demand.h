// Variants that are made when somebody first asks for them: no job, so what fences them is the media itself. A row is
// written only while the media is ready and shows the generation that was asked for; the same variant made twice is one
// row.
#pragma once

#include <stdint.h>

#include "catalog/job.h"

// What a variant on demand is made from.
struct on_demand_source {
	struct job_claim claim; // media, owner, generation, kind, type, size, original, preset and focal point; nothing
	                        // of a job
	uint32_t width;         // of the upright original, in pixels
	uint32_t height;
};

// RC_NOT_FOUND: there is no such media, it is not ready, or it shows another generation. Any thread that may wait.
enum rc catalog_on_demand_find(const struct catalog *catalog, const struct catalog_call *call,
                               const struct uuid *media_id, uint32_t generation, struct on_demand_source *ret_source,
                               struct err *err) MUST_CHECK;

// Write the row of a variant whose object has been stored. RC_NOT_FOUND as above: the object belongs on the deletions
// list then. Repeatable.
enum rc catalog_on_demand_publish(const struct catalog *catalog, const struct catalog_call *call,
                                  const struct uuid *media_id, uint32_t generation, const struct variant_new *variant,
                                  struct err *err) MUST_CHECK;
