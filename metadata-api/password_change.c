// POST /v1/auth/password: another password, for who knows the old one; ends all other sessions.
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

static void change_password(void *argument)
{
	struct http_request *request = argument;
	struct api *api = api_of(request);
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	const char *old_password = body_text(body, "old_password", BODY_REQUIRED, 1, LIMIT_PASSWORD_BYTES);
	const char *new_password =
	        body_text(body, "new_password", BODY_REQUIRED, PASSWORD_LEAST_BYTES, LIMIT_PASSWORD_BYTES);
	struct account account;
	if (!body_finish(body) || !auth_confirm_password(request, old_password, &account))
		return;
	struct err err = { 0 };
	char hash[PASSWORD_HASH_SIZE];
	struct session_origin origin = auth_origin(request, NULL);
	enum rc rc = password_hash(api->passwords, new_password, hash, &err);
	if (rc == RC_OK)
		rc = account_change_password(api, &account, hash, &http_request_principal(request)->session_id, &origin,
		                             http_request_deadline(request), &err);
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else
		http_respond_rc(request, &err);
}

static void handle(struct http_request *request)
{
	api_hash_on_pool(request, change_password);
}

const struct route route_password_change = {
	.method = "POST",
	.path = "/v1/auth/password",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.body_limit = 8192,
	.idempotency = ROUTE_KEYS_ELSEWHERE,
	.handle = handle,
	.summary = "Change the password and end all other sessions.",
};
