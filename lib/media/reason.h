// Why a media was rejected or failed: a closed list of codes, each with a sentence for its owner.
#pragma once

#include <stdbool.h>

#include "media/state.h"

// Rejected: the content is not allowed, the same bytes would end the same way. Failed: we could not; redriving may
// help.
enum media_reason {
	REASON_NONE, // ready, or not there yet

	// These end `rejected`.
	REASON_EMPTY,            // no bytes
	REASON_SIZE_MISMATCH,    // the store has another number of bytes than was declared
	REASON_CHECKSUM,         // the bytes do not have the declared SHA-256
	REASON_TYPE_MISMATCH,    // the bytes are of another type than was declared
	REASON_UNSUPPORTED_TYPE, // a type we do not take
	REASON_TOO_LARGE,        // bytes
	REASON_TOO_MANY_PIXELS,  // width x height
	REASON_TOO_LARGE_SIDE,   // width or height
	REASON_TOO_MANY_FRAMES,  // of an animation
	REASON_TOO_MANY_PAGES,   // of a document or a multi-page picture
	REASON_INFECTED,         // a scanner's finding

	// These end `failed`.
	REASON_TRUNCATED,        // the file ends before its picture does
	REASON_PASSWORD,         // a document that opens with a password only
	REASON_DECODE_FAILED,    // the decoder gave up
	REASON_DECODE_TIMEOUT,   // the decoder took too long and was killed
	REASON_DECODE_MEMORY,    // the decoder needed more memory than a job may have
	REASON_OUTPUT_TOO_LARGE, // a variant grew over its limit
	REASON_SANDBOX,          // the decoder tried what its sandbox forbids and was killed
	REASON_CRASHED,          // the decoder died of a signal of its own making
	REASON_MISSING_OBJECT,   // the original is gone from the store
	REASON_STORE_FAILED,     // the store could not be read or written, however often we tried
	REASON_INTERNAL,         // anything else
};
#define MEDIA_REASON_COUNT 23

// The lower_snake_case code that API, SQL and events use ("none" for REASON_NONE). Never NULL.
const char *media_reason_name(enum media_reason reason);

// The reason of that exact code; false (and nothing written) for anything else.
bool media_reason_parse(const char *name, enum media_reason *ret_reason);

// The default detail: what happened and what the owner can do, one English sentence or two. Never NULL.
const char *media_reason_detail(enum media_reason reason);

// MEDIA_REJECTED or MEDIA_FAILED: the state in which a media with this reason ends. Not for REASON_NONE.
enum media_state media_reason_state(enum media_reason reason);

// True when a further attempt of the same job can end differently, so attempts are spent on it before it fails.
bool media_reason_is_retryable(enum media_reason reason);
