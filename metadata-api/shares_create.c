// POST /v1/items/{id}/shares: a link to an item. Its token is shown once; the database has only its hash.
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/password.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/audit_origin.h"
#include "metadata-api/routes.h"
#include "metadata-api/share_view.h"

// Guessing is slowed by the limit of tries and the hash; four letters are the least that this protects.
#define SHARE_PASSWORD_LEAST_BYTES 4
#define VIEWS_MAX 1000000000

// Fill what the body says. False when the problem has been answered.
static bool read_fields(struct http_request *request, struct share_new *share, const char **ret_password)
{
	struct body *body = body_open(request);
	if (body == NULL)
		return false;
	*ret_password = body_text(body, "password", BODY_NULLABLE, SHARE_PASSWORD_LEAST_BYTES, LIMIT_PASSWORD_BYTES);
	share->allow_original = body_bool(body, "allow_original", BODY_OPTIONAL, false);
	share->max_views = body_int(body, "max_views", BODY_NULLABLE, 1, VIEWS_MAX, 0);
	if (!body_time(body, "expires_at", BODY_NULLABLE, &share->expires_at))
		share->expires_at = DB_NO_TIME;
	else if (share->expires_at <= clock_now_us())
		body_error(body, "expires_at", "must lie in the future");
	return body_finish(body);
}

static void create(void *argument)
{
	struct http_request *request = argument;
	struct api *api = api_of(request);
	struct share_new share = { .id = uuid_new(), .owner_id = http_request_principal(request)->user_id };
	struct share_row row;
	const char *password;
	char token[SHARE_TOKEN_SIZE], hash[PASSWORD_HASH_SIZE];
	struct err err = { 0 };
	if (!http_request_parameter_uuid(request, "id", &share.item_id) || !read_fields(request, &share, &password))
		return;
	struct db_value origin[AUDIT_ORIGIN_COUNT];
	audit_origin_values(request, origin);
	share_token_new(token, share.token_hash);
	enum rc rc = RC_OK;
	if (password != NULL) {
		rc = password_hash(api->passwords, password, hash, &err);
		share.password_hash = hash;
	}
	if (rc == RC_OK)
		rc = share_insert(api, &share, origin, http_request_deadline(request), &row, &err);
	if (rc != RC_OK) {
		share_view_fail(request, &err);
		return;
	}
	struct buffer out;
	struct json_write json;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	share_view_write(request, &json, &row, token);
	http_respond_json(request, 201, &out);
}

static void handle(struct http_request *request)
{
	api_hash_on_pool(request, create);
}

const struct route route_shares_create = {
	.method = "POST",
	.path = "/v1/items/{id}/shares",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.body_limit = 8192,
	.idempotency = ROUTE_SECRET_ANSWER,
	.handle = handle,
	.summary = "Make a link to an item.",
};
