// Measures JSON text before it is parsed; for lib/http alone.
#pragma once

#include <stddef.h>

// Most values that a body may hold: some 100 bytes each once parsed, so that a small body cannot become a large tree.
#define JSON_SCAN_MAX_VALUES 65536

enum json_scan { JSON_SCAN_GOOD, JSON_SCAN_TOO_DEEP, JSON_SCAN_TOO_MANY };

// One pass without recursion. Says nothing about validity: broken text is left to the parser, within these bounds.
enum json_scan json_scan(const char *text, size_t length, size_t max_depth, size_t max_values);
