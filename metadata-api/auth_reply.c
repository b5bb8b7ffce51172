// Token answers.
#include "metadata-api/auth_reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json_write.h"
#include "base/settings.h"
#include "catalog/account.h"
#include "http/access_token.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"

#define USER_AGENT_BYTES 500

struct session_origin auth_origin(struct http_request *request, const char *device)
{
	const char *agent = http_request_header(request, "User-Agent");
	// A column's limit must not turn an odd client away; what is cut or not text is of no use to anyone.
	if (agent != NULL && (strlen(agent) > USER_AGENT_BYTES || !utf8_is_valid(agent, strlen(agent))))
		agent = NULL;
	return (struct session_origin){ .device = device,
		                        .address = http_request_client(request),
		                        .user_agent = agent,
		                        .request_id = http_request_id(request) };
}

void auth_respond_tokens(struct http_request *request, unsigned status, const struct account *account,
                         const struct refresh_token *token)
{
	struct api *api = api_of(request);
	struct err err = { 0 };
	int64_t now = clock_now_us() / 1000000;
	struct access_token_claims claims = {
		.principal = { .user_id = account->id, .session_id = token->session_id, .is_admin = account->is_admin },
		.issued_at = now,
		.expires_at = now + api->settings->api_access_seconds,
	};
	CLEANUP(free_pointer) char *access = NULL;
	if (access_token_issue(api->tokens, &claims, &access, &err) != RC_OK) {
		http_respond_rc(request, &err);
		return;
	}
	char refresh[REFRESH_TOKEN_SIZE], id[UUID_TEXT_SIZE];
	refresh_token_format(token, refresh);
	uuid_format(&account->id, id);
	struct buffer out;
	struct json_write json;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "access_token", access);
	json_write_text(&json, "refresh_token", refresh);
	json_write_text(&json, "token_type", "Bearer");
	json_write_int(&json, "expires_in", api->settings->api_access_seconds);
	json_write_object_begin(&json, "user");
	json_write_text(&json, "id", id);
	json_write_text(&json, "email", account->email);
	json_write_text(&json, "name", account->name);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_respond_json(request, status, &out);
}

void auth_respond_refused(struct http_request *request)
{
	http_respond_problem(request, 401, "invalid-credentials",
	                     "The e-mail address or the password is wrong, or the session has ended. Log in again.");
}

const char *auth_read_email(struct body *body)
{
	const char *email = body_text(body, "email", BODY_REQUIRED, 3, LIMIT_EMAIL_BYTES);
	if (email == NULL)
		return NULL;
	if (!catalog_account_address_ok(email)) {
		body_error(body, "email", "must be an e-mail address such as name@example.org");
		return NULL;
	}
	return email;
}
