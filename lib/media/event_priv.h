// What encoding and decoding of events share.
#pragma once

#include "media/event.h"

// The envelope members that never change.
#define EVENT_SPECVERSION "1.0"
#define EVENT_CONTENT_TYPE "application/json"

// RC_OK when every part is valid and fits the others; RC_INVALID with what is wrong.
enum rc event_check(const struct event *event, struct err *err) MUST_CHECK;

// The id of what the event is about: the media of jobs and media events, the item of item events.
const struct uuid *event_subject_id(const struct event *event);
