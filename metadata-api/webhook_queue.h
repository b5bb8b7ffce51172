// SQL of what waits to be posted. An endpoint is leased to one sender at a time, by any number of processes; what is
// reported under an older lease changes nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

struct api;
struct db_result;

// Longer than a post may take.
#define WEBHOOK_LEASE_SECONDS 90

// Lease up to `most` endpoints that have something due, each with its oldest delivery; failing ones, or others.
// RC_OK also for none. Caller frees *ret_result. Blocks.
enum rc webhook_queue_claim(struct api *api, size_t most, bool is_failing, struct db_result **ret_result,
                            struct err *err) MUST_CHECK;

struct webhook_claim {
	struct uuid webhook_id;
	int64_t lease;
	const char *url; // these live as long as the result
	const uint8_t *secret;
	size_t secret_length;
	const uint8_t *previous_secret;
	size_t previous_secret_length; // 0: there is none (any more)
	struct uuid delivery_id;
	const char *payload;
	const char *traceparent; // of the call that caused the event; NULL: not known
	unsigned attempts;       // before this one
	unsigned failures;       // of the endpoint, in a row
};
void webhook_queue_read(const struct db_result *result, size_t row, struct webhook_claim *ret_claim);

enum webhook_outcome { WEBHOOK_SENT, WEBHOOK_FAILED, WEBHOOK_GONE };

struct webhook_report {
	struct uuid webhook_id;
	int64_t lease;
	struct uuid delivery_id;
	enum webhook_outcome outcome;
	unsigned status;   // 0: none came
	const char *error; // NULL: none
	int64_t took_ms;
	int64_t retry_ms; // until the delivery's next try; < 0: that was the last
	int64_t pause_ms; // how long the endpoint is left alone
};

// Blocks.
enum rc webhook_queue_report(struct api *api, const struct webhook_report *report, struct err *err) MUST_CHECK;
