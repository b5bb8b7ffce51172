// POST /v1/webhooks: have events posted to a URL, signed. The secret is shown this once.
#include "http/request.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/audit_origin.h"
#include "metadata-api/routes.h"
#include "metadata-api/webhook_secret.h"
#include "metadata-api/webhook_view.h"

// $5 id, $6 URL, $7 description, $8 events, $9 secret, $10 most webhooks. The lock makes two at once count one after
// the other.
static const struct db_statement WEBHOOK_INSERT = {
	.name = "webhook_insert",
	.sql = "WITH who AS (SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE), "
	       "w AS (INSERT INTO webhooks (id, user_id, url, description, events, secret) "
	       "  SELECT $5, id, $6, $7, $8::text[], $9 FROM who "
	       "  WHERE (SELECT count(*) FROM webhooks o WHERE o.user_id = who.id) < $10::bigint RETURNING *), " AUDIT_LOGGED(
	               "w", "webhook.created", "webhook") "SELECT " WEBHOOK_COLUMNS "FROM w",
	.parameter_count = 10,
};

static void handle(struct http_request *request)
{
	struct webhook_fields fields;
	char secret[WEBHOOK_SECRET_SIZE];
	uint8_t sealed[WEBHOOK_SEALED_BYTES];
	struct uuid id = uuid_new();
	struct db_value values[10];
	if (!webhook_view_is_configured(request) || !webhook_view_read(request, true, &fields))
		return;
	webhook_secret_new(&api_of(request)->webhook_box, secret, sealed);
	audit_origin_values(request, values);
	values[4] = db_uuid(&id);
	values[5] = db_text(fields.url);
	values[6] = db_text(fields.description == NULL ? "" : fields.description);
	values[7] = db_text(fields.has_events ? buffer_text(&fields.events) : "{}");
	values[8] = db_bytes(sealed, sizeof sealed);
	values[9] = db_int64(WEBHOOKS_PER_ACCOUNT);
	webhook_view_answer(request, 201, &WEBHOOK_INSERT, values, secret);
	crypto_wipe(secret, sizeof secret);
	webhook_fields_done(&fields);
}

const struct route route_webhooks_create = {
	.method = "POST",
	.path = "/v1/webhooks",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = 16 * 1024,
	.idempotency = ROUTE_SECRET_ANSWER,
	.handle = handle,
	.summary = "Have events posted to a URL.",
};
