// How often and how long to wait before trying again: capped exponential back-off with full jitter, and a circuit
// breaker. (Full jitter: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.)
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct retry_policy {
	unsigned attempts; // all in all, the first included; >= 1
	int64_t base_ms;   // the longest wait before the second attempt
	int64_t cap_ms;    // no wait is longer
};

// Milliseconds to wait after the given failed attempt (1 = the first): random in [base/2^?, min(cap, base * 2^(attempt
// - 1))], never under a quarter of that ceiling, so that loops cannot spin. Any thread.
int64_t retry_delay_ms(const struct retry_policy *policy, unsigned attempt);

// Opens after `threshold` failures in a row; then refuses for open_ms, lets one caller try, and closes on its success.
struct breaker {
	pthread_mutex_t lock;
	unsigned threshold;
	int64_t open_ms;
	unsigned failures;
	int64_t open_until_us;
	bool probing;
};

void breaker_init(struct breaker *breaker, unsigned threshold, int64_t open_ms);
void breaker_done(struct breaker *breaker);
// True when a call may be made now. Each true must be answered by one breaker_report. Any thread.
bool breaker_allow(struct breaker *breaker);
void breaker_report(struct breaker *breaker, bool success);
