// Printing results. Each command makes one JSON document of what it found; --json prints that, the text for people is
// written from the same document, so the two never differ.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_TEXT_SIZE 40

// Print the document, indented, and a line end; NULL (no memory) prints null.
void report_json(const json_t *document);

// What stands at a dotted path ("setting.workers"); NULL when nothing does.
json_t *report_at(const json_t *document, const char *path);
// Its text; "-" when there is none. Its number; 0 when there is none.
const char *report_text(const json_t *document, const char *path);
int64_t report_int(const json_t *document, const char *path);
bool report_bool(const json_t *document, const char *path);

// "12 ms", "3.4 s", "7 min", "5 h", "9 d".
const char *report_duration(int64_t milliseconds, char ret_text[REPORT_TEXT_SIZE]);
// "512 B", "1.4 kB", "3.2 GB".
const char *report_bytes(int64_t bytes, char ret_text[REPORT_TEXT_SIZE]);
// The same of an RFC 3339 time: how long ago it was; "-" when it is none.
const char *report_ago(const char *time, char ret_text[REPORT_TEXT_SIZE]);

// Text that came from users or foreign servers, for a terminal: control characters become '?'.
const char *report_safe(const char *text, char *ret_text, size_t size);
