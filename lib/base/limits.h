// Hard limits on everything that someone outside can grow; the unit stands in each name. Configuration may lower, not
// raise them.
#pragma once

#define LIMIT_REQUEST_HEADER_BYTES (32 * 1024)
#define LIMIT_REQUEST_BODY_BYTES (1024 * 1024)
// (The longest JSON body there is, the list of 10,000 parts, takes five times its length to read.)
#define LIMIT_REQUEST_ARENA_BYTES (8 * 1024 * 1024)
#define LIMIT_RESPONSE_BYTES (8 * 1024 * 1024)
#define LIMIT_JSON_DEPTH 64
#define LIMIT_PAGE_ITEMS 200
#define LIMIT_PAGE_ITEMS_DEFAULT 50
#define LIMIT_FILENAME_BYTES 255
#define LIMIT_CONTENT_TYPE_BYTES 127
#define LIMIT_ALT_BYTES 2000
#define LIMIT_TITLE_BYTES 500
#define LIMIT_ITEM_BODY_BYTES (64 * 1024)
#define LIMIT_ITEM_TAGS 50
#define LIMIT_TAG_BYTES 64
#define LIMIT_PASSWORD_BYTES 1024
#define LIMIT_EMAIL_BYTES 254
#define LIMIT_OBJECT_KEY_BYTES 1024
#define LIMIT_SNIFF_BYTES 4096
#define LIMIT_EVENT_BYTES (64 * 1024)
#define LIMIT_JOB_ATTEMPTS 5
#define LIMIT_POOLS 16
#define LIMIT_PRESETS 16
#define LIMIT_PRESET_LINES 256
#define LIMIT_CLASSES 16
