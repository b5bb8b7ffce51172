// One resize, as the two files of them know it.
#pragma once

#include <stddef.h>

#include "base/clock.h"
#include "media/object_key.h"
#include "media/preset.h"
#include "transcoder/resize.h"

struct http_request;

// Edges ask once each, however many ask them.
#define RESIZE_WAITING_MOST 32

struct resize {
	struct resize *next;
	char key[OBJECT_KEY_SIZE];
	struct object_key_variant parts;
	const struct preset_step *step; // of the media's own preset, known once its row was read
	const struct preset_encoding *encoding;
	struct deadline deadline;
	size_t count; // who waits; under the list's lock
	struct http_request *waiting[RESIZE_WAITING_MOST];
};
