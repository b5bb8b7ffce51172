// Why a picture could not be made: a reason code for programs and a line for people.
#pragma once

#include "media/reason.h"
#include "transcoder/wire/wire.h"

struct failure {
	enum media_reason reason; // REASON_NONE: none yet
	char detail[WIRE_DETAIL_SIZE];
};

// Fill failure and return false, so that `return failure_set(...)` reads as one line in functions that return success.
bool failure_set(struct failure *failure, enum media_reason reason, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

// The same from a codec's error text (which may be NULL or several lines; the first line is kept): the text decides
// between truncated, password_protected, decode_memory and decode_failed. doing says what we were at ("decode", "encode
// webp").
bool failure_set_codec(struct failure *failure, const char *doing, const char *text);
