// PATCH /v1/webhooks/{id}: another URL or description, other events, on or off. Enabling forgets earlier failures.
#include "http/request.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/audit_origin.h"
#include "metadata-api/routes.h"
#include "metadata-api/webhook_view.h"

// $5 id; NULL for what stays: $6 URL, $7 description, $8 events, $9 whether enabled.
static const struct db_statement WEBHOOK_CHANGE = {
	.name = "webhook_change",
	.sql = "WITH w AS (UPDATE webhooks SET url = coalesce($6, url), description = coalesce($7, description), "
	       "  events = coalesce($8::text[], events), updated_at = now(), "
	       "  disabled_at = CASE WHEN $9::boolean THEN NULL WHEN NOT $9 THEN coalesce(disabled_at, now()) "
	       "    ELSE disabled_at END, "
	       "  disabled_reason = CASE WHEN $9 THEN NULL WHEN NOT $9 AND disabled_at IS NULL THEN 'by its owner' "
	       "    ELSE disabled_reason END, "
	       "  failures = CASE WHEN $9 THEN 0 ELSE failures END, "
	       "  failing_since = CASE WHEN $9 THEN NULL ELSE failing_since END, "
	       "  not_before = CASE WHEN $9 THEN now() ELSE not_before END "
	       "  WHERE id = $5 AND user_id = $1 RETURNING *), " AUDIT_LOGGED(
	               "w", "webhook.changed", "webhook") "SELECT " WEBHOOK_COLUMNS "FROM w",
	.parameter_count = 9,
};

static void handle(struct http_request *request)
{
	struct webhook_fields fields;
	struct uuid id;
	struct db_value values[9];
	if (!http_request_parameter_uuid(request, "id", &id) || !webhook_view_read(request, false, &fields))
		return;
	audit_origin_values(request, values);
	values[4] = db_uuid(&id);
	values[5] = db_text(fields.url);
	values[6] = db_text(fields.description);
	values[7] = db_text(fields.has_events ? buffer_text(&fields.events) : NULL);
	values[8] = fields.is_enabled < 0 ? db_null() : db_bool(fields.is_enabled == 1);
	webhook_view_answer(request, 200, &WEBHOOK_CHANGE, values, NULL);
	webhook_fields_done(&fields);
}

const struct route route_webhook_change = {
	.method = "PATCH",
	.path = "/v1/webhooks/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = 16 * 1024,
	.handle = handle,
	.summary = "Change a webhook, or switch it on or off.",
};
