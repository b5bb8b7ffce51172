// Names, transitions and predicates of media states and kinds.
#include "media/state.h"

#include <assert.h>
#include <string.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const state_names[] = {
	[MEDIA_AWAITING_UPLOAD] = "awaiting_upload",
	[MEDIA_UPLOADED] = "uploaded",
	[MEDIA_PROCESSING] = "processing",
	[MEDIA_READY] = "ready",
	[MEDIA_EXPIRED] = "expired",
	[MEDIA_REJECTED] = "rejected",
	[MEDIA_FAILED] = "failed",
	[MEDIA_DELETED] = "deleted",
};
static_assert(LENGTH_OF(state_names) == MEDIA_STATE_COUNT, "each state has its name");

#define TO(state) (1u << MEDIA_##state)

// The one table: bit s of row r is set when a media may go from r to s.
static const unsigned may_go[] = {
	// Content can be refused at `complete`, before it was ever taken.
	[MEDIA_AWAITING_UPLOAD] = TO(UPLOADED) | TO(EXPIRED) | TO(REJECTED) | TO(DELETED),
	// A plain file has no jobs and is ready at once; an original that is gone fails before processing began.
	[MEDIA_UPLOADED] = TO(PROCESSING) | TO(READY) | TO(REJECTED) | TO(FAILED) | TO(DELETED),
	[MEDIA_PROCESSING] = TO(READY) | TO(REJECTED) | TO(FAILED) | TO(DELETED),
	[MEDIA_READY] = TO(DELETED),
	[MEDIA_EXPIRED] = TO(DELETED),
	[MEDIA_REJECTED] = TO(DELETED),
	// Redriven by an operator or its owner: its jobs are queued anew.
	[MEDIA_FAILED] = TO(UPLOADED) | TO(DELETED),
	[MEDIA_DELETED] = 0,
};
static_assert(LENGTH_OF(may_go) == MEDIA_STATE_COUNT, "each state has its row");

static const char *const kind_names[] = {
	[MEDIA_PHOTO] = "photo",
	[MEDIA_ANIMATION] = "animation",
	[MEDIA_DOCUMENT] = "document",
	[MEDIA_FILE] = "file",
};
static_assert(LENGTH_OF(kind_names) == MEDIA_KIND_COUNT, "each kind has its name");

const char *media_state_name(enum media_state state)
{
	assert((unsigned)state < MEDIA_STATE_COUNT);
	return state_names[state];
}

bool media_state_parse(const char *name, enum media_state *ret_state)
{
	for (unsigned i = 0; i < MEDIA_STATE_COUNT; i++) {
		if (strcmp(name, state_names[i]) != 0)
			continue;
		*ret_state = (enum media_state)i;
		return true;
	}
	return false;
}

bool media_state_may_go(enum media_state from, enum media_state to)
{
	assert((unsigned)from < MEDIA_STATE_COUNT && (unsigned)to < MEDIA_STATE_COUNT);
	return (may_go[from] >> to & 1u) != 0;
}

bool media_state_is_terminal(enum media_state state)
{
	return state != MEDIA_AWAITING_UPLOAD && state != MEDIA_UPLOADED && state != MEDIA_PROCESSING;
}

bool media_state_has_reason(enum media_state state)
{
	return state == MEDIA_REJECTED || state == MEDIA_FAILED;
}

const char *media_kind_name(enum media_kind kind)
{
	assert((unsigned)kind < MEDIA_KIND_COUNT);
	return kind_names[kind];
}

bool media_kind_parse(const char *name, enum media_kind *ret_kind)
{
	for (unsigned i = 0; i < MEDIA_KIND_COUNT; i++) {
		if (strcmp(name, kind_names[i]) != 0)
			continue;
		*ret_kind = (enum media_kind)i;
		return true;
	}
	return false;
}
