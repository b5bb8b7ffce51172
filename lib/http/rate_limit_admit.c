// Rate limits of requests, and their headers.
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "http/rate_limit.h"
#include "http/request.h"
#include "http/respond.h"

// The policies' and the verdicts' lists: RateLimit-Policy: "account";q=600;w=60 and RateLimit: "account";r=599;t=1.
struct headers {
	struct buffer policies;
	struct buffer verdicts;
	const char *exceeded; // the policy that allows no more; NULL: none
	unsigned retry_after_seconds;
};

static void take(struct rate_limit *limit, const struct rate_policy *policy, const char *key, struct headers *headers)
{
	if (policy->quota == 0 || headers->exceeded != NULL)
		return;
	struct rate_verdict verdict = rate_limit_take(limit, policy, key, clock_monotonic_us());
	const char *comma = headers->policies.length == 0 ? "" : ", ";
	buffer_append_format(&headers->policies, "%s\"%s\";q=%u;w=%u", comma, policy->name, policy->quota,
	                     policy->window_seconds);
	buffer_append_format(&headers->verdicts, "%s\"%s\";r=%u;t=%u", comma, policy->name, verdict.remaining,
	                     verdict.reset_seconds);
	if (verdict.allowed)
		return;
	headers->exceeded = policy->name;
	headers->retry_after_seconds = verdict.retry_after_seconds;
}

bool rate_limit_admit(struct rate_limit *limit, struct http_request *request, const struct rate_policy *account,
                      const struct rate_policy *address)
{
	struct headers headers = { .exceeded = NULL };
	if (account->quota == 0 && address->quota == 0)
		return true;
	buffer_init(&headers.policies, 256);
	buffer_init(&headers.verdicts, 256);
	char client[RATE_ADDRESS_SIZE];
	rate_limit_address_key(http_request_client(request), client);
	take(limit, address, client, &headers);
	const struct http_principal *principal = http_request_principal(request);
	if (principal != NULL) {
		char id[UUID_TEXT_SIZE];
		uuid_format(&principal->user_id, id);
		take(limit, account, id, &headers);
	}
	if (headers.policies.length > 0) {
		http_respond_header(request, "RateLimit-Policy", buffer_text(&headers.policies));
		http_respond_header(request, "RateLimit", buffer_text(&headers.verdicts));
	}
	buffer_done(&headers.policies);
	buffer_done(&headers.verdicts);
	if (headers.exceeded == NULL)
		return true;
	http_respond_retry_after(request, headers.retry_after_seconds);
	http_respond_problem(request, 429, "quota-exceeded",
	                     "There were too many requests of this %s. Try again in %u seconds.", headers.exceeded,
	                     headers.retry_after_seconds);
	return false;
}

bool rate_limit_admit_calls(struct rate_limit *limit, struct http_request *request, unsigned account_calls,
                            unsigned address_calls)
{
	const struct rate_policy account = { "account", account_calls, 60 };
	const struct rate_policy address = { "address", address_calls, 60 };
	return rate_limit_admit(limit, request, &account, &address);
}
