// POST /v1/auth/login: a session for an account and its password.
#include "base/limits.h"
#include "base/log.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_confirm.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/routes.h"

// A stronger policy reaches an account at its next login; when it cannot be written now, then at the one after.
static void upgrade_hash(struct api *api, struct account *account, const char *password, struct deadline deadline)
{
	struct err err = { 0 };
	char hash[PASSWORD_HASH_SIZE];
	enum rc rc = password_hash(api->passwords, password, hash, &err);
	if (rc == RC_OK)
		rc = account_upgrade_hash(api, account, hash, deadline, &err);
	if (rc != RC_OK)
		LOG_FAILURE(LOG_WARNING, "password_hash_not_upgraded", &err);
}

static void log_in(void *argument)
{
	struct http_request *request = argument;
	struct api *api = api_of(request);
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	const char *email = auth_read_email(body);
	const char *password = body_text(body, "password", BODY_REQUIRED, 1, LIMIT_PASSWORD_BYTES);
	const char *device = body_text(body, "device", BODY_NULLABLE, 0, LIMIT_TITLE_BYTES);
	if (!body_finish(body))
		return;
	if (!auth_take_try(request, email))
		return;
	struct err err = { 0 };
	struct account account;
	struct deadline deadline = http_request_deadline(request);
	enum rc rc = account_find_by_email(api, email, deadline, &account, &err);
	if (rc != RC_OK && rc != RC_NOT_FOUND) {
		http_respond_rc(request, &err);
		return;
	}
	// The work is the same whether the account exists or not, so that the time does not tell.
	const char *hash = rc == RC_OK && account.password_hash[0] != '\0' ? account.password_hash : NULL;
	if (!password_verify(api->passwords, hash, password)) {
		auth_respond_refused(request);
		return;
	}
	auth_give_tries_back(request, email);
	if (password_needs_rehash(api->passwords, account.password_hash))
		upgrade_hash(api, &account, password, deadline);
	struct uuid session_id = uuid_new();
	struct refresh_token token;
	unsigned char refresh_hash[SHA256_SIZE];
	refresh_token_new(&session_id, &token);
	refresh_token_hash(&token, refresh_hash);
	struct session_origin origin = auth_origin(request, device);
	rc = session_insert(api, &account, &session_id, refresh_hash, &origin, deadline, &err);
	if (rc == RC_OK)
		auth_respond_tokens(request, 200, &account, &token);
	else if (rc == RC_CONFLICT) // the password was changed, or the account deleted, while it was being checked
		auth_respond_refused(request);
	else
		http_respond_rc(request, &err);
}

static void handle(struct http_request *request)
{
	api_hash_on_pool(request, log_in);
}

const struct route route_auth_login = {
	.method = "POST",
	.path = "/v1/auth/login",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_EVENT,
	.body_limit = 8192,
	.handle = handle,
	.summary = "Make a session by e-mail address and password.",
};
