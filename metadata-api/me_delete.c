// DELETE /v1/me: the end of the account and of everything that is its.
#include "base/background.h"
#include "base/limits.h"
#include "http/body.h"
#include "http/jwks.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_change.h"
#include "metadata-api/account_external.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_confirm.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/external_keys.h"
#include "metadata-api/routes.h"

// An account without a password is confirmed by a new token of its identity provider.
static bool confirm_by_token(struct http_request *request, const char *token, struct account *ret_account)
{
	struct api *api = api_of(request);
	struct err err = { 0 };
	struct jwks_claims claims;
	struct deadline deadline = http_request_deadline(request);
	struct session_origin origin = auth_origin(request, NULL);
	enum rc rc = api->external == NULL ? err_set(&err, RC_DENIED, "no identity provider")
	                                   : external_keys_verify(api->external, token, deadline, &claims, &err);
	if (rc == RC_OK)
		rc = account_of_external(api, &claims, &origin, deadline, ret_account, &err);
	if (rc != RC_OK && rc != RC_DENIED) {
		http_respond_rc(request, &err);
		return false;
	}
	if (rc == RC_OK && uuid_equal(&ret_account->id, &http_request_principal(request)->user_id))
		return true;
	http_respond_problem(request, 403, "wrong-token", "This is no token for this account.");
	return false;
}

static void delete_me(void *argument)
{
	struct http_request *request = argument;
	struct api *api = api_of(request);
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	const char *password = body_text(body, "password", BODY_OPTIONAL, 1, LIMIT_PASSWORD_BYTES);
	const char *token = body_text(body, "external_token", BODY_OPTIONAL, 1, JWKS_TOKEN_MAX_BYTES);
	if (body_has(body, "password") == body_has(body, "external_token"))
		body_error(body, "password", "send the password, or external_token for an account without one");
	struct account account;
	if (!body_finish(body) || !(password != NULL ? auth_confirm_password(request, password, &account)
	                                             : confirm_by_token(request, token, &account)))
		return;
	struct err err = { 0 };
	struct session_origin origin = auth_origin(request, NULL);
	if (account_delete(api, &account, &origin, http_request_deadline(request), &err) != RC_OK) {
		http_respond_rc(request, &err);
		return;
	}
	background_wake(api->eraser);
	http_respond_empty(request, 202);
}

static void handle(struct http_request *request)
{
	api_hash_on_pool(request, delete_me);
}

const struct route route_me_delete = {
	.method = "DELETE",
	.path = "/v1/me",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.body_limit = 16 * 1024,
	.handle = handle,
	.summary = "Delete the account and erase everything that is its.",
};
