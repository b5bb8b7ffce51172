// Logs are events with fields, one JSON object a line on stderr; never sentences, never secrets.
//
// LOG_EVENT(LOG_INFO, "media_ready", LOG_TEXT("media_id", id), LOG_INT("milliseconds", t));
// prints {"time":"…","level":"info","service":"transcoder","event":"media_ready","media_id":"…","milliseconds":12}.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

enum log_kind { LOG_KIND_END, LOG_KIND_TEXT, LOG_KIND_INT, LOG_KIND_FLOAT, LOG_KIND_BOOL };

struct log_field {
	const char *name;
	enum log_kind kind;
	union {
		const char *text; // NULL is written as null
		int64_t integer;
		double number;
		bool boolean;
	} value;
};

#define LOG_TEXT(field_name, field_value) \
	((struct log_field){ .name = (field_name), .kind = LOG_KIND_TEXT, .value.text = (field_value) })
#define LOG_INT(field_name, field_value) \
	((struct log_field){ .name = (field_name), .kind = LOG_KIND_INT, .value.integer = (int64_t)(field_value) })
#define LOG_FLOAT(field_name, field_value) \
	((struct log_field){ .name = (field_name), .kind = LOG_KIND_FLOAT, .value.number = (field_value) })
#define LOG_BOOL(field_name, field_value) \
	((struct log_field){ .name = (field_name), .kind = LOG_KIND_BOOL, .value.boolean = (field_value) })
#define LOG_END ((struct log_field){ .kind = LOG_KIND_END })

// The call site: event is lower_snake_case and stable.
#define LOG_EVENT(level, event, ...) \
	log_event((level), (event), (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ) LOG_END })

// Log err as fields "error" (rc name) and "detail" beside others. Use at the edge of a service, once per error.
#define LOG_FAILURE(level, event, failure, ...)                                \
	LOG_EVENT((level), (event), LOG_TEXT("error", rc_name((failure)->rc)), \
	          LOG_TEXT("detail", (failure)->text) __VA_OPT__(, ) __VA_ARGS__)

// Name the process and the least level that is written. Before threads start.
void log_init(const char *service, enum log_level least);

// Change the level while running (SIGHUP). Any thread.
void log_set_level(enum log_level least);

// "debug", "info", "warning", "error"; false for others.
bool log_level_parse(const char *text, enum log_level *ret_level);

// Write one line atomically (one write(2)). Any thread.
void log_event(enum log_level level, const char *event, const struct log_field *fields);
