// POST /v1/webhooks/{id}/secret: a new secret, shown this once. The old one signs beside it for a day.
#include "http/request.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/audit_origin.h"
#include "metadata-api/routes.h"
#include "metadata-api/webhook_secret.h"
#include "metadata-api/webhook_view.h"

#define OVERLAP_SECONDS 86400

// $5 id, $6 secret, $7 seconds for which the old one holds.
static const struct db_statement WEBHOOK_ROTATE = {
	.name = "webhook_rotate",
	.sql = "WITH w AS (UPDATE webhooks SET previous_secret = secret, secret = $6, updated_at = now(), "
	       "  previous_until = now() + make_interval(secs => $7::bigint) WHERE id = $5 AND user_id = $1 "
	       "  RETURNING *), " AUDIT_LOGGED("w", "webhook.secret_rotated", "webhook") "SELECT " WEBHOOK_COLUMNS
	                                                                                 "FROM w",
	.parameter_count = 7,
};

static void handle(struct http_request *request)
{
	struct uuid id;
	char secret[WEBHOOK_SECRET_SIZE];
	uint8_t sealed[WEBHOOK_SEALED_BYTES];
	struct db_value values[7];
	if (!webhook_view_is_configured(request) || !http_request_parameter_uuid(request, "id", &id))
		return;
	webhook_secret_new(&api_of(request)->webhook_box, secret, sealed);
	audit_origin_values(request, values);
	values[4] = db_uuid(&id);
	values[5] = db_bytes(sealed, sizeof sealed);
	values[6] = db_int64(OVERLAP_SECONDS);
	webhook_view_answer(request, 200, &WEBHOOK_ROTATE, values, secret);
	crypto_wipe(secret, sizeof secret);
}

const struct route route_webhook_rotate = {
	.method = "POST",
	.path = "/v1/webhooks/{id}/secret",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.idempotency = ROUTE_SECRET_ANSWER,
	.handle = handle,
	.summary = "A new secret for a webhook; the old one holds for a day.",
};
