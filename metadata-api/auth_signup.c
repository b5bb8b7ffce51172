// POST /v1/auth/signup: a new account with its first session.
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/routes.h"

static void sign_up(void *argument)
{
	struct http_request *request = argument;
	struct api *api = api_of(request);
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	const char *email = auth_read_email(body);
	const char *password = body_text(body, "password", BODY_REQUIRED, PASSWORD_LEAST_BYTES, LIMIT_PASSWORD_BYTES);
	const char *name = body_text(body, "name", BODY_NULLABLE, 0, LIMIT_TITLE_BYTES);
	const char *device = body_text(body, "device", BODY_NULLABLE, 0, LIMIT_TITLE_BYTES);
	if (!body_finish(body))
		return;
	struct err err = { 0 };
	struct account account = { .id = uuid_new() };
	(void)snprintf(account.email, sizeof account.email, "%s", email);
	(void)snprintf(account.name, sizeof account.name, "%s", name == NULL ? "" : name);
	struct uuid session_id = uuid_new();
	struct refresh_token token;
	unsigned char refresh_hash[SHA256_SIZE];
	refresh_token_new(&session_id, &token);
	refresh_token_hash(&token, refresh_hash);
	struct session_origin origin = auth_origin(request, device);
	enum rc rc = password_hash(api->passwords, password, account.password_hash, &err);
	if (rc == RC_OK)
		rc = account_insert(api, &account, &session_id, refresh_hash, &origin, http_request_deadline(request),
		                    &err);
	if (rc == RC_OK)
		auth_respond_tokens(request, 201, &account, &token);
	else if (rc == RC_EXISTS)
		http_respond_problem(
		        request, 409, "email-taken",
		        "This e-mail address has an account already. Log in instead, or use another address.");
	else
		http_respond_rc(request, &err);
}

static void handle(struct http_request *request)
{
	api_hash_on_pool(request, sign_up);
}

const struct route route_auth_signup = {
	.method = "POST",
	.path = "/v1/auth/signup",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_EVENT,
	.body_limit = 8192,
	.handle = handle,
	.summary = "Make an account and its first session.",
};
