// A line at a time.
#include "safelightctl/metrics_text.h"

#include <stdlib.h>
#include <string.h>

bool metrics_text_find(const char *metrics, const char *beginning, double *ret_value, const char **ret_next)
{
	size_t length = strlen(beginning);
	for (const char *line = metrics; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		const char *blank = end == NULL ? NULL : memrchr(line, ' ', (size_t)(end - line));
		if (blank != NULL && strncmp(line, beginning, length) == 0) {
			*ret_value = strtod(blank + 1, NULL);
			*ret_next = end + 1;
			return true;
		}
		line = end == NULL ? NULL : end + 1;
	}
	return false;
}

double metrics_text_sum(const char *metrics, const char *beginning, const char *part)
{
	double sum = 0, value;
	size_t length = strlen(part);
	for (const char *at = metrics, *next; metrics_text_find(at, beginning, &value, &next); at = next) {
		// The line just read ends before `next`.
		const char *line = next - 1;
		while (line > metrics && line[-1] != '\n')
			line--;
		if (memmem(line, (size_t)(next - line), part, length) != NULL)
			sum += value;
	}
	return sum;
}
