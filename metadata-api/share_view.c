// Share links as text and JSON.
#include "metadata-api/share_view.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/settings.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"

void share_token_new(char ret_token[SHARE_TOKEN_SIZE], uint8_t ret_hash[SHA256_SIZE])
{
	uint8_t bytes[SHARE_TOKEN_BYTES];
	random_fill(bytes, sizeof bytes);
	encode_base64url(bytes, sizeof bytes, ret_token);
	sha256_of(bytes, sizeof bytes, ret_hash);
	crypto_wipe(bytes, sizeof bytes);
}

bool share_token_read(struct http_request *request, uint8_t ret_hash[SHA256_SIZE])
{
	const char *text = http_request_parameter(request, "token");
	uint8_t bytes[SHARE_TOKEN_BYTES];
	size_t length;
	if (!decode_base64url(text, strlen(text), bytes, sizeof bytes, &length) || length != sizeof bytes) {
		http_respond_problem(request, 404, "not-found", "There is no such share.");
		return false;
	}
	sha256_of(bytes, sizeof bytes, ret_hash);
	return true;
}

static void write_time(struct json_write *json, const char *name, int64_t time)
{
	if (time == DB_NO_TIME)
		json_write_null(json, name);
	else
		json_write_time(json, name, time);
}

void share_view_write(struct http_request *request, struct json_write *json, const struct share_row *share,
                      const char *token)
{
	char id[UUID_TEXT_SIZE];
	uuid_format(&share->id, id);
	json_write_object_begin(json, NULL);
	json_write_text(json, "id", id);
	json_write_text(json, "item_id", http_request_parameter(request, "id"));
	if (token != NULL) {
		struct buffer url;
		buffer_init(&url, 4096);
		buffer_append_format(&url, "%s/v1/shared/%s", api_of(request)->settings->cdn_public_url, token);
		json_write_text(json, "token", token);
		json_write_text(json, "url", buffer_text(&url));
		buffer_done(&url);
	}
	json_write_bool(json, "has_password", share->has_password);
	json_write_bool(json, "allow_original", share->allow_original);
	if (share->max_views > 0)
		json_write_int(json, "max_views", share->max_views);
	else
		json_write_null(json, "max_views");
	json_write_int(json, "views", share->views);
	json_write_time(json, "created_at", share->created_at);
	write_time(json, "expires_at", share->expires_at);
	write_time(json, "revoked_at", share->revoked_at);
	json_write_object_end(json);
}

void share_view_fail(struct http_request *request, const struct err *err)
{
	if (err->rc == RC_NOT_FOUND)
		http_respond_problem(request, 404, "not-found", "%s", err->text);
	else if (err->rc == RC_LIMIT)
		http_respond_problem(request, 409, "too-many-shares", "%s", err->text);
	else
		http_respond_rc(request, err);
}
