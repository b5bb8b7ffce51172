// Passwords asked for, and how often.
#include "metadata-api/auth_confirm.h"

#include <stdio.h>

#include "base/settings.h"
#include "base/uuid.h"
#include "http/rate_limit.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"

// Room for an e-mail address or id, and a network address.
#define KEY_SIZE 384

static struct rate_policy policy_of(const struct api *api)
{
	unsigned tries = (unsigned)api->live.login_tries;
	return (struct rate_policy){ .name = "login",
		                     .quota = tries,
		                     .window_seconds = tries * (unsigned)api->live.login_pause_seconds };
}

// In lower case: the account's address may be typed in any.
static void write_key(const struct http_request *request, const char *who, char ret_key[KEY_SIZE])
{
	char client[RATE_ADDRESS_SIZE];
	rate_limit_address_key(http_request_client(request), client);
	(void)snprintf(ret_key, KEY_SIZE, "%s %s", client, who);
	for (char *at = ret_key; *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
}

bool auth_take_try(struct http_request *request, const char *who)
{
	struct api *api = api_of(request);
	struct rate_policy policy = policy_of(api);
	char key[KEY_SIZE];
	write_key(request, who, key);
	struct rate_verdict verdict = rate_limit_take(api->limits, &policy, key, clock_monotonic_us());
	if (verdict.allowed)
		return true;
	http_respond_retry_after(request, verdict.retry_after_seconds);
	http_respond_problem(request, 429, "too-many-tries",
	                     "There were too many wrong passwords. Try again in %u seconds.",
	                     verdict.retry_after_seconds);
	return false;
}

void auth_give_tries_back(struct http_request *request, const char *who)
{
	struct rate_policy policy = policy_of(api_of(request));
	char key[KEY_SIZE];
	write_key(request, who, key);
	rate_limit_forget(api_of(request)->limits, &policy, key);
}

bool auth_confirm_password(struct http_request *request, const char *password, struct account *ret_account)
{
	struct api *api = api_of(request);
	const struct uuid *id = &http_request_principal(request)->user_id;
	struct err err = { 0 };
	char who[UUID_TEXT_SIZE];
	uuid_format(id, who);
	if (!auth_take_try(request, who))
		return false;
	enum rc rc = account_find(api, id, http_request_deadline(request), ret_account, &err);
	if (rc != RC_OK) {
		http_respond_rc(request, &err);
		return false;
	}
	if (ret_account->password_hash[0] == '\0') {
		http_respond_problem(request, 409, "no-password",
		                     "This account has no password: its identity is managed elsewhere.");
		return false;
	}
	if (!password_verify(api->passwords, ret_account->password_hash, password)) {
		http_respond_problem(request, 403, "wrong-password", "The password is wrong.");
		return false;
	}
	auth_give_tries_back(request, who);
	return true;
}
