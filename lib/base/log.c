// JSON lines on stderr. The one place with process-wide state: the service's name and the level.
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"

#define LOG_LINE_BYTES (16 * 1024)

static const char *const LEVEL_NAMES[] = { "debug", "info", "warning", "error" };

static char service_name[32] = "safelight";
static atomic_int least_level = LOG_INFO;

void log_init(const char *service, enum log_level least)
{
	(void)snprintf(service_name, sizeof service_name, "%s", service);
	log_set_level(least);
}

void log_set_level(enum log_level least)
{
	atomic_store(&least_level, (int)least);
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t level = 0; level < sizeof LEVEL_NAMES / sizeof LEVEL_NAMES[0]; level++) {
		if (strcmp(text, LEVEL_NAMES[level]) == 0) {
			*ret_level = (enum log_level)level;
			return true;
		}
	}
	return false;
}

static void write_field(struct json_write *json, const struct log_field *field)
{
	switch (field->kind) {
	case LOG_KIND_TEXT:
		json_write_text(json, field->name, field->value.text);
		break;
	case LOG_KIND_INT:
		json_write_int(json, field->name, field->value.integer);
		break;
	case LOG_KIND_FLOAT:
		json_write_float(json, field->name, field->value.number);
		break;
	case LOG_KIND_BOOL:
		json_write_bool(json, field->name, field->value.boolean);
		break;
	case LOG_KIND_END:
		break;
	}
}

void log_event(enum log_level level, const char *event, const struct log_field *fields)
{
	if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
		return;
	struct buffer line;
	struct json_write json;
	buffer_init(&line, LOG_LINE_BYTES);
	json_write_init(&json, &line);
	json_write_object_begin(&json, NULL);
	json_write_time(&json, "time", clock_now_us());
	json_write_text(&json, "level", LEVEL_NAMES[level]);
	json_write_text(&json, "service", service_name);
	json_write_text(&json, "event", event);
	for (const struct log_field *field = fields; field->kind != LOG_KIND_END; field++)
		write_field(&json, field);
	json_write_object_end(&json);
	buffer_append_char(&line, '\n');
	// A line that does not fit or cannot be written is lost: logging never stops the service.
	if (buffer_ok(&line)) {
		ssize_t written = write(STDERR_FILENO, line.data, line.length);
		(void)written;
	}
	buffer_done(&line);
}
