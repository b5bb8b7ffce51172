// POST /v1/auth/email: another e-mail address, for who knows the password.
#include "base/limits.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_change.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_confirm.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/routes.h"

static void change_email(void *argument)
{
	struct http_request *request = argument;
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	const char *email = auth_read_email(body);
	const char *password = body_text(body, "password", BODY_REQUIRED, 1, LIMIT_PASSWORD_BYTES);
	struct account account;
	if (!body_finish(body) || !auth_confirm_password(request, password, &account))
		return;
	struct err err = { 0 };
	struct session_origin origin = auth_origin(request, NULL);
	enum rc rc =
	        account_change_email(api_of(request), &account, email, &origin, http_request_deadline(request), &err);
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else if (rc == RC_EXISTS)
		http_respond_problem(request, 409, "email-taken",
		                     "This e-mail address has an account already. Use another address.");
	else
		http_respond_rc(request, &err);
}

static void handle(struct http_request *request)
{
	api_hash_on_pool(request, change_email);
}

const struct route route_auth_email = {
	.method = "POST",
	.path = "/v1/auth/email",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.body_limit = 8192,
	.idempotency = ROUTE_KEYS_ELSEWHERE,
	.handle = handle,
	.summary = "Change the account's e-mail address.",
};
