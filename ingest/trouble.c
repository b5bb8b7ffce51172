// Counting failures and logging few of them.
#include "ingest/trouble.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

#define REMIND_US (60 * INT64_C(1000000))
#define EVENT_SIZE 64

void trouble_fail(struct trouble *trouble, const struct err *err)
{
	char event[EVENT_SIZE];
	int64_t now = clock_monotonic_us();
	if (trouble->failures++ == 0)
		trouble->began_us = now;
	else if (now - trouble->logged_us < REMIND_US)
		return;
	trouble->logged_us = now;
	(void)snprintf(event, sizeof event, "%s_failed", trouble->name);
	LOG_FAILURE(LOG_WARNING, event, err, LOG_INT("failures", trouble->failures));
}

void trouble_end(struct trouble *trouble)
{
	char event[EVENT_SIZE];
	if (trouble->failures == 0)
		return;
	(void)snprintf(event, sizeof event, "%s_recovered", trouble->name);
	LOG_EVENT(LOG_INFO, event, LOG_INT("failures", trouble->failures),
	          LOG_INT("milliseconds", (clock_monotonic_us() - trouble->began_us) / 1000));
	trouble->failures = 0;
}

enum rc trouble_report(struct trouble *trouble, enum rc rc, const struct err *err)
{
	if (rc == RC_OK)
		trouble_end(trouble);
	else
		trouble_fail(trouble, err);
	return rc;
}
