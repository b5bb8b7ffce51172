// Columns that hold our enumerations and numbers. Private to lib/catalog.
//
// CHECK constraints keep what is unknown out of the database; a newer schema than this program's may still hold it, so
// reading falls back instead of asserting.
#pragma once

#include <string.h>

#include "db/result.h"
#include "media/event.h"
#include "media/format.h"
#include "media/reason.h"
#include "media/state.h"

static inline uint32_t read_number(const struct db_result *result, size_t row, size_t column)
{
	return (uint32_t)db_result_int64(result, row, column);
}

static inline enum media_state read_state(const struct db_result *result, size_t row, size_t column)
{
	enum media_state state = MEDIA_FAILED;

	(void)media_state_parse(db_result_text(result, row, column), &state);
	return state;
}

static inline enum media_kind read_kind(const struct db_result *result, size_t row, size_t column)
{
	enum media_kind kind = MEDIA_FILE;

	(void)media_kind_parse(db_result_text(result, row, column), &kind);
	return kind;
}

// REASON_NONE for SQL NULL.
static inline enum media_reason read_reason(const struct db_result *result, size_t row, size_t column)
{
	const char *code = db_result_text(result, row, column);
	enum media_reason reason = REASON_INTERNAL;

	if (code == NULL)
		return REASON_NONE;
	(void)media_reason_parse(code, &reason);
	return reason;
}

static inline enum media_format read_format(const struct db_result *result, size_t row, size_t column)
{
	const char *name = db_result_text(result, row, column);

	return media_format_by_name(name, strlen(name));
}

static inline enum event_lane read_lane(const struct db_result *result, size_t row, size_t column)
{
	enum event_lane lane = LANE_BULK;

	(void)event_lane_parse(db_result_text(result, row, column), &lane);
	return lane;
}

// 32 bytes, or NULL.
static inline const uint8_t *read_sha256(const struct db_result *result, size_t row, size_t column)
{
	size_t length;
	const uint8_t *bytes = db_result_bytes(result, row, column, &length);

	return length == 32 ? bytes : NULL;
}
