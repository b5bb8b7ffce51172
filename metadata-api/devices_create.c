// POST /v1/devices: register the push token of the device that the caller holds. A token belongs to one person: who
// registers it last, for a phone that changes hands must not go on getting its former owner's messages.
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "db/array.h"
#include "db/pool.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/listing.h"
#include "metadata-api/routes.h"

#define DEVICES_MAX 20
#define TOKEN_BYTES 4096

// So that two that register at once are counted one after the other.
static const struct db_statement DEVICE_OWNER_LOCK = {
	.name = "device_owner_lock",
	.sql = "SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
	.parameter_count = 1,
};

// Parameters: id, user, session (NULL: it has none, or it has ended), platform, token, its hash, name, most devices,
// muted kinds.
static const struct db_statement DEVICE_PUT = {
	.name = "device_put",
	.sql = "INSERT INTO devices (id, user_id, session_id, platform, token, token_hash, name, muted) "
	       "SELECT $1, $2, (SELECT id FROM sessions WHERE id = $3 AND user_id = $2 AND revoked_at IS NULL), $4, $5, $6, "
	       "  $7, $9::text[] WHERE (SELECT count(*) FROM devices WHERE user_id = $2 "
	       "    AND NOT (platform = $4 AND token_hash = $6)) < $8::bigint "
	       "ON CONFLICT (platform, token_hash) DO UPDATE SET user_id = excluded.user_id, "
	       "  session_id = excluded.session_id, name = excluded.name, muted = excluded.muted, updated_at = now(), "
	       "  id = CASE WHEN devices.user_id = excluded.user_id THEN devices.id ELSE excluded.id END, "
	       "  created_at = CASE WHEN devices.user_id = excluded.user_id THEN devices.created_at ELSE now() END "
	       "RETURNING id, platform, name, session_id, created_at, updated_at, "
	       "to_json(muted)::text",
	.parameter_count = 9,
};

struct registering {
	const struct http_principal *principal;
	struct uuid id;
	const char *platform;
	const char *token;
	unsigned char token_hash[SHA256_SIZE];
	const char *name;
	const char *muted; // an array's text
	struct db_result *result;
};

static enum rc register_in(struct db_connection *connection, void *context, struct err *err)
{
	struct registering *registering = context;
	const struct http_principal *principal = registering->principal;
	struct deadline deadline = db_connection_deadline(connection);
	CLEANUP(db_result_free_pointer) struct db_result *locked = NULL;
	const struct db_value who[] = { db_uuid(&principal->user_id) };
	enum rc rc = db_execute(connection, &DEVICE_OWNER_LOCK, who, 1, deadline, &locked, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(locked) == 0)
		return err_set(err, RC_NOT_FOUND, "the account is gone");
	const struct db_value values[] = {
		db_uuid(&registering->id),
		db_uuid(&principal->user_id),
		db_uuid(&principal->session_id),
		db_text(registering->platform),
		db_text(registering->token),
		db_bytes(registering->token_hash, SHA256_SIZE),
		db_text(registering->name == NULL ? "" : registering->name),
		db_int64(DEVICES_MAX),
		db_text(registering->muted),
	};
	db_result_free(registering->result);
	registering->result = NULL;
	return db_execute(connection, &DEVICE_PUT, values, DEVICE_PUT.parameter_count, deadline, &registering->result,
	                  err);
}

static void answer(struct http_request *request, const struct db_result *result, const struct uuid *new_id)
{
	struct buffer out;
	struct json_write json;
	struct uuid id = db_result_uuid(result, 0, 0);
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	listing_write_uuid(&json, "id", result, 0, 0);
	json_write_text(&json, "platform", db_result_text(result, 0, 1));
	json_write_text(&json, "name", db_result_text(result, 0, 2));
	listing_write_uuid(&json, "session_id", result, 0, 3);
	json_write_raw(&json, "muted", db_result_text(result, 0, 6), strlen(db_result_text(result, 0, 6)));
	json_write_time(&json, "created_at", db_result_time_us(result, 0, 4));
	json_write_time(&json, "updated_at", db_result_time_us(result, 0, 5));
	json_write_object_end(&json);
	http_respond_json(request, uuid_equal(&id, new_id) ? 201 : 200, &out);
}

// Kinds of notifications that the device does not want, as an array's text in the request's arena.
static const char *read_muted(struct http_request *request, struct body *body)
{
	static const char *const KINDS[] = { "media.ready", "media.failed", "media.rejected", "item.shared",
		                             "webhook.disabled" };
	const char *muted[sizeof KINDS / sizeof KINDS[0]];
	size_t most = sizeof KINDS / sizeof KINDS[0], count = body_array(body, "muted", BODY_OPTIONAL, 0, most);
	struct buffer array;
	for (size_t i = 0; i < count; i++) {
		size_t kind = 0;
		muted[i] = body_array_text(body, "muted", i, 1, 40);
		while (muted[i] != NULL && kind < most && strcmp(muted[i], KINDS[kind]) != 0)
			kind++;
		if (muted[i] == NULL || kind == most) {
			body_error(body, "muted", "has a kind of notification that there is not");
			return "{}";
		}
	}
	buffer_init(&array, 1024);
	db_array_of_texts(&array, muted, count);
	const char *text = arena_copy_text(http_request_arena(request), buffer_text(&array));
	buffer_done(&array);
	return text == NULL ? "{}" : text;
}

static void handle(struct http_request *request)
{
	static const char *const PLATFORMS[] = { "fcm", "apns", "webpush", NULL };
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	int platform = body_choice(body, "platform", BODY_REQUIRED, PLATFORMS, 0);
	const char *token = body_text(body, "token", BODY_REQUIRED, 1, TOKEN_BYTES);
	const char *name = body_text(body, "name", BODY_NULLABLE, 0, LIMIT_TITLE_BYTES);
	const char *muted = read_muted(request, body);
	if (!body_finish(body))
		return;
	struct err err = { 0 };
	struct registering registering = { .principal = http_request_principal(request),
		                           .id = uuid_new(),
		                           .platform = PLATFORMS[platform],
		                           .token = token,
		                           .name = name,
		                           .muted = muted };
	sha256_of(token, strlen(token), registering.token_hash);
	enum rc rc =
	        db_transaction(api_of(request)->pool, http_request_deadline(request), register_in, &registering, &err);
	if (rc != RC_OK)
		http_respond_rc(request, &err);
	else if (db_result_rows(registering.result) == 0)
		http_respond_problem(request, 409, "too-many-devices",
		                     "An account has at most %d devices. Remove one of them first.", DEVICES_MAX);
	else
		answer(request, registering.result, &registering.id);
	db_result_free(registering.result);
}

const struct route route_devices_create = {
	.method = "POST",
	.path = "/v1/devices",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = 16 * 1024,
	.handle = handle,
	.summary = "Register a device's push token.",
};
