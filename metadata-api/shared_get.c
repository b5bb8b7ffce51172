// GET and POST /v1/shared/{token}: what a share link shows, to anybody who has it. POST takes its password.
//
// Delivery URLs in the answer live api.share_url_seconds at most, and never beyond the share: after a revocation the
// edge still serves what was handed out before, for that time.
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/password.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_confirm.h"
#include "metadata-api/routes.h"
#include "metadata-api/share_board.h"
#include "metadata-api/share_view.h"

static void handle_get(struct http_request *request)
{
	uint8_t token_hash[SHA256_SIZE];
	if (!share_token_read(request, token_hash))
		return;
	http_request_defer(request);
	share_board_ask(api_of(request)->shares, request, token_hash, false);
}

// True when the password is the share's, or it has none. False when the problem has been answered.
static bool confirm(struct http_request *request, const uint8_t token_hash[SHA256_SIZE], const char *password)
{
	struct api *api = api_of(request);
	struct err err = { 0 };
	char *hash = NULL;
	char who[sizeof "share " + 2 * SHA256_SIZE] = "share ";
	encode_hex(token_hash, SHA256_SIZE, who + sizeof "share " - 1);
	if (share_find_password(api, token_hash, http_request_deadline(request), &hash, &err) != RC_OK) {
		http_respond_rc(request, &err);
		return false;
	}
	if (hash == NULL)
		return true;
	if (!auth_take_try(request, who)) {
		free(hash);
		return false;
	}
	bool right = password_verify(api->passwords, hash, password);
	free(hash);
	if (right)
		auth_give_tries_back(request, who);
	else
		http_respond_problem(request, 401, "wrong-password", "This is not the share's password.");
	return right;
}

static void open_share(void *argument)
{
	struct http_request *request = argument;
	uint8_t token_hash[SHA256_SIZE];
	struct body *body;
	if (!share_token_read(request, token_hash) || (body = body_open(request)) == NULL)
		return;
	const char *password = body_text(body, "password", BODY_REQUIRED, 1, LIMIT_PASSWORD_BYTES);
	if (body_finish(body) && confirm(request, token_hash, password))
		share_board_ask(api_of(request)->shares, request, token_hash, true);
}

static void handle_post(struct http_request *request)
{
	api_hash_on_pool(request, open_share);
}

const struct route route_shared_get = {
	.method = "GET",
	.path = "/v1/shared/{token}",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_EVENT,
	.handle = handle_get,
	.summary = "What a share link shows.",
};

const struct route route_shared_open = {
	.method = "POST",
	.path = "/v1/shared/{token}",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_EVENT,
	.body_limit = 8192,
	.handle = handle_post,
	.summary = "What a share link with a password shows.",
};
