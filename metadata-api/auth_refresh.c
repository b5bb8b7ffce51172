// POST /v1/auth/refresh: the next pair of tokens; a token used twice ends its family.
#include "base/limits.h"
#include "base/log.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/routes.h"

// A token that was replaced is used again, after the grace: one of its two holders stole it (RFC 9700 §4.14.2).
static void end_stolen_family(struct http_request *request, const struct refresh_token *token)
{
	struct err err = { 0 };
	char id[UUID_TEXT_SIZE];
	struct session_origin origin = auth_origin(request, NULL);
	uuid_format(&token->session_id, id);
	LOG_EVENT(LOG_WARNING, "refresh_token_reused", LOG_TEXT("session_id", id),
	          LOG_TEXT("request_id", http_request_id(request)));
	enum rc rc = session_revoke(api_of(request), &token->session_id, NULL, "refresh_token_reused", &origin,
	                            http_request_deadline(request), &err);
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		auth_respond_refused(request);
	else
		http_respond_rc(request, &err);
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
	struct refresh_token token, next;
	if (!refresh_token_parse(text, &token)) {
		auth_respond_refused(request);
		return;
	}
	unsigned char old_hash[SHA256_SIZE], new_hash[SHA256_SIZE];
	refresh_token_next(&api->refresh_key, &token, &next);
	refresh_token_hash(&token, old_hash);
	refresh_token_hash(&next, new_hash);
	struct err err = { 0 };
	struct session session;
	enum rc rc = session_rotate(api, &token.session_id, old_hash, new_hash, http_request_deadline(request),
	                            &session, &err);
	if (rc == RC_OK || (rc == RC_CONFLICT && session.is_previous_fresh))
		auth_respond_tokens(request, 200, &session.account, &next);
	else if (rc == RC_CONFLICT && refresh_token_is_ancestor(&api->refresh_key, &token, session.refresh_hash))
		end_stolen_family(request, &token);
	else if (rc == RC_CONFLICT || rc == RC_NOT_FOUND)
		auth_respond_refused(request);
	else
		http_respond_rc(request, &err);
}

const struct route route_auth_refresh = {
	.method = "POST",
	.path = "/v1/auth/refresh",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_WORKER,
	.body_limit = 4096,
	.handle = handle,
	.summary = "Exchange a refresh token for the next pair of tokens.",
};
