// What remains to be done after an account was deleted: its media and items go in small transactions, so that a large
// account keeps nobody waiting, and any number of processes may share the work or be killed in it.
//
//   deleted ── media deleted, their tombstones emptied, items removed ── all again, until no access token of before can
//   have added anything ── sessions, quota, keys and addresses in the audit log removed: erased ── the media's
//   tombstones went (ingest's janitor, when objects and edge copies are surely gone) ── the row itself: purged
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"

struct api;

#define ACCOUNT_ERASER_PAUSE_MS 2000

// Do one step for any account that needs one. RC_NOT_FOUND: none does.
enum rc account_erase_step(struct api *api, struct deadline deadline, struct err *err) MUST_CHECK;

// A background_work over the api.
bool account_eraser_work(void *api);
