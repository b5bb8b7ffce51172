// The scan for depth and number of values.
#include "http/json_scan.h"

#include <stdbool.h>

enum json_scan json_scan(const char *text, size_t length, size_t max_depth, size_t max_values)
{
	size_t depth = 0;
	size_t values = 1;
	bool in_string = false;
	for (size_t i = 0; i < length; i++) {
		char character = text[i];
		if (in_string) {
			if (character == '\\')
				i++;
			else if (character == '"')
				in_string = false;
			continue;
		}
		if (character == '"')
			in_string = true;
		else if (character == '[' || character == '{')
			depth++, values++;
		else if ((character == ']' || character == '}') && depth > 0)
			depth--;
		else if (character == ',' || character == ':')
			values++;
		if (depth > max_depth)
			return JSON_SCAN_TOO_DEEP;
		if (values > max_values)
			return JSON_SCAN_TOO_MANY;
	}
	return JSON_SCAN_GOOD;
}
