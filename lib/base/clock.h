// Time: wall clock, monotonic clock, deadlines, RFC 3339 text. All in microseconds unless the name says otherwise.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Microseconds since the Unix epoch (CLOCK_REALTIME). Any thread.
int64_t clock_now_us(void);

// Microseconds of CLOCK_MONOTONIC, for measuring and deadlines. Any thread.
int64_t clock_monotonic_us(void);

// Room for "2026-11-24T06:35:01.123456Z" and its NUL.
#define CLOCK_TEXT_SIZE 32

// RFC 3339 UTC with milliseconds: "2026-11-24T06:35:01.123Z".
void clock_format_rfc3339(int64_t epoch_us, char ret_text[CLOCK_TEXT_SIZE]);

// "20261124T063501Z", the form SigV4 signs. ret_text needs 17 bytes.
void clock_format_basic(int64_t epoch_us, char ret_text[17]);

// RFC 3339 with any offset and fraction to microseconds since the epoch. False when the text is anything else.
bool clock_parse_rfc3339(const char *text, int64_t *ret_epoch_us);

// A point on the monotonic clock by which something has to be done.
struct deadline {
	int64_t at_us;
};

struct deadline deadline_after_ms(int64_t milliseconds);

// Milliseconds left, rounded up; 0 once it has passed.
int64_t deadline_left_ms(struct deadline deadline);

bool deadline_passed(struct deadline deadline);

// Sleep; returns early only never (restarts after signals). For retry pauses, not for waiting on events.
void clock_sleep_ms(int64_t milliseconds);
