// POST /v1/auth/logout: ends the session of a refresh token.
#include "base/limits.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/routes.h"

// True when the token is the session's present one, or an earlier one of it (a client may have lost an answer).
static bool is_of_session(struct api *api, const struct refresh_token *token, struct deadline deadline, struct err *err)
{
	unsigned char hash[SHA256_SIZE];
	struct session session;
	refresh_token_hash(token, hash);
	enum rc rc = session_find(api, &token->session_id, hash, deadline, &session, err);
	return rc == RC_OK && (crypto_equal(hash, session.refresh_hash, sizeof hash) ||
	                       refresh_token_is_ancestor(&api->refresh_key, token, session.refresh_hash));
}

static void handle(struct http_request *request)
{
	struct api *api = api_of(request);
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	const char *text = body_text(body, "refresh_token", BODY_REQUIRED, 1, REFRESH_TOKEN_SIZE);
	if (!body_finish(body))
		return;
	struct err err = { 0 };
	struct refresh_token token;
	struct deadline deadline = http_request_deadline(request);
	enum rc rc = RC_OK;
	if (refresh_token_parse(text, &token) && is_of_session(api, &token, deadline, &err)) {
		struct session_origin origin = auth_origin(request, NULL);
		rc = session_revoke(api, &token.session_id, NULL, "logout", &origin, deadline, &err);
		if (rc == RC_NOT_FOUND) // another call was faster
			rc = RC_OK;
	} else if (err.rc != RC_OK && err.rc != RC_NOT_FOUND) {
		rc = err.rc;
	}
	// A token that is not (or no longer) good is logged out already.
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else
		http_respond_rc(request, &err);
}

const struct route route_auth_logout = {
	.method = "POST",
	.path = "/v1/auth/logout",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_WORKER,
	.body_limit = 4096,
	.handle = handle,
	.summary = "End the session of a refresh token.",
};
