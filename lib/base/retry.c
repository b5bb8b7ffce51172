// Back-off and breaker.
#include "base/retry.h"

#include "base/clock.h"
#include "base/crypto.h"

int64_t retry_delay_ms(const struct retry_policy *policy, unsigned attempt)
{
	int64_t ceiling = policy->base_ms;
	for (unsigned i = 1; i < attempt && ceiling < policy->cap_ms; i++)
		ceiling *= 2;
	if (ceiling > policy->cap_ms)
		ceiling = policy->cap_ms;
	if (ceiling < 4)
		return ceiling < 1 ? 1 : ceiling;
	int64_t floor = ceiling / 4;
	return floor + (int64_t)random_below((uint32_t)(ceiling - floor + 1));
}

void breaker_init(struct breaker *breaker, unsigned threshold, int64_t open_ms)
{
	*breaker = (struct breaker){ .threshold = threshold, .open_ms = open_ms };
	(void)pthread_mutex_init(&breaker->lock, NULL);
}

void breaker_done(struct breaker *breaker)
{
	(void)pthread_mutex_destroy(&breaker->lock);
}

bool breaker_allow(struct breaker *breaker)
{
	(void)pthread_mutex_lock(&breaker->lock);
	bool allowed = breaker->failures < breaker->threshold;
	if (!allowed && !breaker->probing && clock_monotonic_us() >= breaker->open_until_us) {
		breaker->probing = true;
		allowed = true;
	}
	(void)pthread_mutex_unlock(&breaker->lock);
	return allowed;
}

void breaker_report(struct breaker *breaker, bool success)
{
	(void)pthread_mutex_lock(&breaker->lock);
	breaker->probing = false;
	if (success) {
		breaker->failures = 0;
	} else {
		if (breaker->failures < breaker->threshold)
			breaker->failures++;
		if (breaker->failures == breaker->threshold)
			breaker->open_until_us = clock_monotonic_us() + breaker->open_ms * 1000;
	}
	(void)pthread_mutex_unlock(&breaker->lock);
}
