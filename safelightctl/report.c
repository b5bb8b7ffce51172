// Documents as JSON, and bits of them as text.
#include "safelightctl/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void report_json(const json_t *document)
{
	char *text = document == NULL ? NULL
	                              : json_dumps(document, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
	(void)printf("%s\n", text == NULL ? "null" : text);
	free(text);
}

json_t *report_at(const json_t *document, const char *path)
{
	const json_t *at = document;
	while (at != NULL && *path != '\0') {
		char name[64];
		size_t length = strcspn(path, ".");
		(void)snprintf(name, sizeof name, "%.*s", (int)length, path);
		at = json_object_get(at, name);
		path += length + (path[length] == '.');
	}
	return (json_t *)at;
}

const char *report_text(const json_t *document, const char *path)
{
	const char *text = json_string_value(report_at(document, path));
	return text == NULL ? "-" : text;
}

int64_t report_int(const json_t *document, const char *path)
{
	return json_integer_value(report_at(document, path));
}

bool report_bool(const json_t *document, const char *path)
{
	return json_is_true(report_at(document, path));
}

const char *report_duration(int64_t milliseconds, char ret_text[REPORT_TEXT_SIZE])
{
	if (milliseconds < 1000)
		(void)snprintf(ret_text, REPORT_TEXT_SIZE, "%lld ms", (long long)milliseconds);
	else if (milliseconds < 60000)
		(void)snprintf(ret_text, REPORT_TEXT_SIZE, "%.1f s", (double)milliseconds / 1000);
	else if (milliseconds < 3600000)
		(void)snprintf(ret_text, REPORT_TEXT_SIZE, "%lld min", (long long)(milliseconds / 60000));
	else if (milliseconds < 86400000)
		(void)snprintf(ret_text, REPORT_TEXT_SIZE, "%lld h", (long long)(milliseconds / 3600000));
	else
		(void)snprintf(ret_text, REPORT_TEXT_SIZE, "%lld d", (long long)(milliseconds / 86400000));
	return ret_text;
}

const char *report_bytes(int64_t bytes, char ret_text[REPORT_TEXT_SIZE])
{
	static const char *const UNITS[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double value = (double)bytes;
	size_t unit = 0;
	for (; value >= 1000 && unit + 1 < sizeof UNITS / sizeof UNITS[0]; unit++)
		value /= 1000;
	(void)snprintf(ret_text, REPORT_TEXT_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", value, UNITS[unit]);
	return ret_text;
}

const char *report_ago(const char *time, char ret_text[REPORT_TEXT_SIZE])
{
	int64_t at_us;
	if (!clock_parse_rfc3339(time, &at_us))
		return "-";
	int64_t age_ms = (clock_now_us() - at_us) / 1000;
	return report_duration(age_ms < 0 ? 0 : age_ms, ret_text);
}

const char *report_safe(const char *text, char *ret_text, size_t size)
{
	size_t length = 0;
	for (; text[length] != '\0' && length + 1 < size; length++)
		ret_text[length] = (unsigned char)text[length] < 0x20 || text[length] == 0x7f ? '?' : text[length];
	ret_text[length] = '\0';
	return ret_text;
}
