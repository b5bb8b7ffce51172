// POST /v1/auth/external: a session for a token of the configured identity provider. The token is exchanged once for
// our own pair, so that everything else (refreshing, ending sessions, ingest) is the same for everybody.
#include "base/limits.h"
#include "base/log.h"
#include "http/body.h"
#include "http/jwks.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_external.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/external_keys.h"
#include "metadata-api/routes.h"

static void begin_session(struct http_request *request, const struct account *account,
                          const struct session_origin *origin)
{
	struct api *api = api_of(request);
	struct err err = { 0 };
	struct uuid session_id = uuid_new();
	struct refresh_token token;
	unsigned char refresh_hash[SHA256_SIZE];
	refresh_token_new(&session_id, &token);
	refresh_token_hash(&token, refresh_hash);
	enum rc rc =
	        session_insert(api, account, &session_id, refresh_hash, origin, http_request_deadline(request), &err);
	if (rc == RC_OK)
		auth_respond_tokens(request, 200, account, &token);
	else if (rc == RC_CONFLICT) // deleted meanwhile
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
	const char *token = body_text(body, "token", BODY_REQUIRED, 1, JWKS_TOKEN_MAX_BYTES);
	const char *device = body_text(body, "device", BODY_NULLABLE, 0, LIMIT_TITLE_BYTES);
	if (!body_finish(body))
		return;
	if (api->external == NULL) {
		http_respond_problem(request, 404, "no-identity-provider",
		                     "No identity provider is configured here. Log in by e-mail address and password.");
		return;
	}
	struct err err = { 0 };
	struct jwks_claims claims;
	struct account account;
	struct session_origin origin = auth_origin(request, device);
	enum rc rc = external_keys_verify(api->external, token, http_request_deadline(request), &claims, &err);
	if (rc == RC_DENIED) {
		LOG_FAILURE(LOG_INFO, "external_token_refused", &err, LOG_TEXT("request_id", http_request_id(request)));
		auth_respond_refused(request);
		return;
	}
	if (rc == RC_OK)
		rc = account_of_external(api, &claims, &origin, http_request_deadline(request), &account, &err);
	if (rc == RC_OK)
		begin_session(request, &account, &origin);
	else
		http_respond_rc(request, &err);
}

const struct route route_auth_external = {
	.method = "POST",
	.path = "/v1/auth/external",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_WORKER,
	.body_limit = 16 * 1024,
	.handle = handle,
	.summary = "Make a session by an identity provider's token.",
};
