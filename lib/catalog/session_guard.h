// Which sessions ended while access tokens of theirs may still be about: an ended session's access token is refused at
// once by the process that ended it, and within SESSION_GUARD_POLL_MS by every other one.
//
// Only sessions that ended within an access token's life are held, in a table of bounded size, so that asking costs
// no statement.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"

struct db_pipeline;
struct session_guard;

#define SESSION_GUARD_POLL_MS 1000
// Most ended sessions held; those beyond it end with their access tokens' own life.
#define SESSION_GUARD_MAX (1u << 20)

// Told of each outage of the database once, on the guard's thread.
typedef void session_guard_report(const struct err *err);

// Starts a thread that reads what other processes ended. token_seconds: life of an access token. RC_NO_MEMORY,
// RC_UNAVAILABLE (no thread).
enum rc session_guard_new(struct db_pipeline *pipeline, int64_t token_seconds, session_guard_report *report,
                          struct session_guard **ret_guard, struct err *err) MUST_CHECK;
// Ends the thread. Accepts NULL. The pipeline must still live.
void session_guard_free(struct session_guard *guard);

// This process ended a session just now. Any thread.
void session_guard_add(struct session_guard *guard, const struct uuid *session_id);

// True when the session has ended (as far as known). An access_token_has_ended (http/access_token.h): context is a
// struct session_guard. Any thread; never blocks for long.
bool session_guard_has_ended(void *context, const struct uuid *session_id);
