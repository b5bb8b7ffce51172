// Dropping cached variants at the edges (cdn-config: POST /purge, object keys one a line, with the purge token).
#pragma once

#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"

struct ingest;

// Most keys of one call: an edge takes 256 kB.
#define EDGE_PURGE_MAX 1000

// Purge the keys at every edge of [cdn] purge_urls. RC_OK when each of them has dropped them all (or there is no edge);
// RC_BUSY: an edge was fetching one of them meanwhile, purge again; else how the first failed edge failed, which is
// named. All edges are tried. Any thread that may wait.
enum rc edge_purge(struct ingest *ingest, const char *const *keys, size_t count, struct deadline deadline,
                   struct err *err) MUST_CHECK;
