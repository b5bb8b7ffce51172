// What signup, login and refresh have in common: where the caller is, and the answer with a pair of tokens.
#pragma once

#include "metadata-api/account_store.h"
#include "metadata-api/refresh_token.h"

struct body;
struct http_request;

// The caller's address, user agent and request id; device as given (may be NULL). Texts live as long as the request.
struct session_origin auth_origin(struct http_request *request, const char *device);

// {access_token, refresh_token, token_type, expires_in, user}: a new access token for the session of `token`.
void auth_respond_tokens(struct http_request *request, unsigned status, const struct account *account,
                         const struct refresh_token *token);

// 401 invalid-credentials, the same for every reason.
void auth_respond_refused(struct http_request *request);

// The body's e-mail address: shape checked (one @, no blanks), reported otherwise. NULL when absent or wrong.
const char *auth_read_email(struct body *body);
