// Ending an upload: look into the store, judge what lies there, commit. The one way that `complete`, the store's events
// and the reconciler share, so each of them, in any number and order, has the same effect.
#pragma once

#include "catalog/upload.h"

struct ingest;

enum settle_by { SETTLE_BY_CLIENT, SETTLE_BY_EVENT, SETTLE_BY_SWEEP };

enum settle_outcome {
	SETTLE_ABSENT, // the upload is open and the store has no such object (yet): nothing was changed
	SETTLE_ENDED,  // it has ended, by this call or before; media_state says how
};

struct settled {
	enum settle_outcome outcome;
	enum media_state media_state; // with SETTLE_ENDED
	bool changed;                 // this call ended it
};

// End an open upload if its bytes have come: completed with its jobs, or rejected with a reason. An upload that has
// ended is left alone; one whose parts are all there is assembled. Blocks for a few calls of the store and one of the
// database, within the call's deadline.
// Transient errors (store or database away, RC_UNKNOWN, the object changed meanwhile): nothing is lost, call again.
// Any thread that may wait.
enum rc settle_upload(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                      enum settle_by by, struct settled *ret_settled, struct err *err) MUST_CHECK;
