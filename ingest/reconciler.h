// The reconciler: a thread that looks, pass after pass, for what nobody told of or somebody left behind. What an
// interrupted process, a lost message or a lost answer leaves undone is done here.
#pragma once

#include "base/error.h"

struct ingest;
struct reconciler;

// At start; everything of the ingest but the HTTP server must be there. The first pass begins at once.
enum rc reconciler_start(struct ingest *ingest, struct reconciler **ret_reconciler, struct err *err) MUST_CHECK;

// End the sweep under way (within its calls' deadlines, SWEEP_CALL_MS each), end the thread, free. Accepts NULL.
void reconciler_stop(struct reconciler *reconciler);
