// Reading Prometheus' text format as /metrics of our services gives it.
#pragma once

#include <stdbool.h>

// The value of the first series that begins with this text ("name{label=\"…\"}"), and *ret_next behind its line; false
// when there is none.
bool metrics_text_find(const char *metrics, const char *beginning, double *ret_value, const char **ret_next);

// The sum of all that begin so and have `part` in their labels; 0 when there are none.
double metrics_text_sum(const char *metrics, const char *beginning, const char *part);
