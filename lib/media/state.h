// What can become of a media: its states, the one table of transitions, and its kinds.
//
// SQL enforces the same table again (conditional updates that name the old state), so a late or duplicate event never
// moves a media backwards. Making new variants of a ready media (a new generation) does not leave `ready`: the old
// generation is served until the new one is published.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Each value says who owns the row then, and what comes next.
enum media_state {
	MEDIA_AWAITING_UPLOAD, // ingest; the client's bytes (then complete, the store's event or the reconciler), or
	                       // expiry
	MEDIA_UPLOADED,        // ingest has verified it, its jobs are queued; a transcoder claims the first one
	MEDIA_PROCESSING,      // a transcoder; all jobs of required pools are published, or one ends for good
	MEDIA_READY,           // metadata-api; served until deleted, optional pools may still add variants
	MEDIA_EXPIRED,         // nobody; the bytes never came, the janitor drops the row
	MEDIA_REJECTED,        // nobody; the content is not allowed, kept with its reason until the owner deletes it
	MEDIA_FAILED,          // the operator; we could not, it may be redriven (back to uploaded)
	MEDIA_DELETED,         // the janitor; objects and edge copies go, then the row
};
#define MEDIA_STATE_COUNT 8

// The lower_snake_case name that API, SQL and events use. Never NULL.
const char *media_state_name(enum media_state state);

// The state of that exact name; false (and nothing written) for anything else.
bool media_state_parse(const char *name, enum media_state *ret_state);

// True when the table allows the step. No state goes to itself: a repeated event changes nothing.
bool media_state_may_go(enum media_state from, enum media_state to);

// No work of ours is outstanding: ready, expired, rejected, failed, deleted. Every acknowledged upload gets here.
bool media_state_is_terminal(enum media_state state);

// The media carries a reason (media/reason.h): rejected and failed, and only these.
bool media_state_has_reason(enum media_state state);

// What the content is, decided by its format (media/format.h).
enum media_kind {
	MEDIA_PHOTO,     // one picture
	MEDIA_ANIMATION, // several frames; its variants show the first
	MEDIA_DOCUMENT,  // pages or vectors; its variants show the first page
	MEDIA_FILE,      // anything else: stored and given back, no variants, ready as soon as it is uploaded
};
#define MEDIA_KIND_COUNT 4

// "photo", "animation", "document", "file". Never NULL.
const char *media_kind_name(enum media_kind kind);
bool media_kind_parse(const char *name, enum media_kind *ret_kind);
