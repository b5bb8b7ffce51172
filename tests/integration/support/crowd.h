// Many readers at once.
#pragma once

#include <stddef.h>

#define TEST_CROWD_THREADS 40

struct test_crowd {
	int shown;   // 200
	int refused; // 403
	int other;
};

// Read addresses in turn, `each` times on each of TEST_CROWD_THREADS threads. Main thread.
struct test_crowd test_crowd_send(const char *const *urls, size_t url_count, int each);
