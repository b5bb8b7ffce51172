// Claiming and reporting.
#include "metadata-api/webhook_queue.h"

#include "base/clock.h"
#include "base/settings.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "metadata-api/api.h"

#define CALL_MS 5000
// An endpoint that failed for long enough is switched off only when it was tried at least so often.
#define FAILURES_LEAST 10

// $1 most, $2 failing or not, $3 seconds of the lease.
static const struct db_statement WEBHOOK_CLAIM = {
	.name = "webhook_claim",
	.sql = "WITH due AS (SELECT w.id, d.id AS delivery_id FROM webhooks w CROSS JOIN LATERAL (SELECT p.id FROM "
	       "    webhook_deliveries p WHERE p.webhook_id = w.id AND p.state = 'pending' AND p.next_at <= now() "
	       "    ORDER BY p.next_at LIMIT 1) d "
	       "  WHERE w.disabled_at IS NULL AND w.not_before <= now() AND (w.failures > 0) = $2::boolean "
	       "    AND (w.lease_until IS NULL OR w.lease_until < now()) "
	       "  ORDER BY w.not_before LIMIT $1::bigint FOR UPDATE OF w SKIP LOCKED) "
	       "UPDATE webhooks w SET lease = lease + 1, lease_until = now() + make_interval(secs => $3::bigint) "
	       "FROM due JOIN webhook_deliveries d ON d.id = due.delivery_id WHERE w.id = due.id "
	       "RETURNING w.id, w.lease, w.url, w.secret, CASE WHEN w.previous_until > now() THEN w.previous_secret END, "
	       "  d.id, d.payload, d.attempts, w.failures, d.traceparent",
	.parameter_count = 3,
};

// $1 webhook, $2 lease, $3 delivery, $4 outcome, $5 status, $6 error, $7 took, $8 until the next try (NULL: none), $9
// pause, $10 days of failing after which it is switched off, $11 failures.
static const struct db_statement WEBHOOK_REPORT = {
	.name = "webhook_report",
	.sql = "WITH judged AS (SELECT id, CASE WHEN $4 = 'gone' THEN 'it answered 410' "
	       "    WHEN $4 = 'failed' AND failures + 1 >= $11::bigint "
	       "      AND failing_since < now() - make_interval(days => $10::integer) THEN 'it failed for too long' END AS why "
	       "  FROM webhooks WHERE id = $1 AND lease = $2::bigint FOR UPDATE), "
	       "w AS (UPDATE webhooks SET lease_until = NULL, not_before = now() + $9::bigint * interval '1 millisecond', "
	       "  failures = CASE WHEN $4 = 'sent' THEN 0 ELSE failures + 1 END, "
	       "  failing_since = CASE WHEN $4 = 'sent' THEN NULL ELSE coalesce(failing_since, now()) END, "
	       "  disabled_at = CASE WHEN why IS NULL THEN disabled_at ELSE now() END, "
	       "  disabled_reason = coalesce(why, disabled_reason) "
	       "  FROM judged j WHERE j.id = webhooks.id RETURNING webhooks.id, user_id, why), "
	       "told AS (INSERT INTO notifications (id, user_id, kind, subject_id, reason) "
	       "  SELECT gen_random_uuid(), user_id, 'webhook.disabled', id, why FROM w WHERE why IS NOT NULL), "
	       "logged AS (INSERT INTO audit_log (owner_id, action, subject_kind, subject_id, detail) SELECT user_id, "
	       "  'webhook.disabled', 'webhook', id, jsonb_build_object('reason', why) FROM w WHERE why IS NOT NULL) "
	       "UPDATE webhook_deliveries d SET attempts = attempts + 1, last_at = now(), last_status = $5::bigint, "
	       "  last_error = $6, last_ms = $7::bigint, next_at = now() + coalesce($8::bigint, 0) * interval '1 millisecond', "
	       "  state = CASE WHEN $4 = 'sent' THEN 'delivered' WHEN $8 IS NULL THEN 'failed' ELSE 'pending' END "
	       "FROM w WHERE d.id = $3",
	.parameter_count = 11,
};

enum rc webhook_queue_claim(struct api *api, size_t most, bool is_failing, struct db_result **ret_result,
                            struct err *err)
{
	const struct db_value values[] = { db_int64((int64_t)most), db_bool(is_failing),
		                           db_int64(WEBHOOK_LEASE_SECONDS) };
	return db_pipeline_query(api->pipeline, &WEBHOOK_CLAIM, values, 3, deadline_after_ms(CALL_MS), ret_result, err);
}

void webhook_queue_read(const struct db_result *result, size_t row, struct webhook_claim *ret_claim)
{
	struct webhook_claim claim = {
		.webhook_id = db_result_uuid(result, row, 0),
		.lease = db_result_int64(result, row, 1),
		.url = db_result_text(result, row, 2),
		.delivery_id = db_result_uuid(result, row, 5),
		.payload = db_result_text(result, row, 6),
		.attempts = (unsigned)db_result_int64(result, row, 7),
		.failures = (unsigned)db_result_int64(result, row, 8),
		.traceparent = db_result_text(result, row, 9),
	};
	claim.secret = db_result_bytes(result, row, 3, &claim.secret_length);
	if (!db_result_is_null(result, row, 4))
		claim.previous_secret = db_result_bytes(result, row, 4, &claim.previous_secret_length);
	*ret_claim = claim;
}

enum rc webhook_queue_report(struct api *api, const struct webhook_report *report, struct err *err)
{
	static const char *const OUTCOMES[] = {
		[WEBHOOK_SENT] = "sent", [WEBHOOK_FAILED] = "failed", [WEBHOOK_GONE] = "gone"
	};
	const struct db_value values[] = {
		db_uuid(&report->webhook_id),
		db_int64(report->lease),
		db_uuid(&report->delivery_id),
		db_text(OUTCOMES[report->outcome]),
		report->status == 0 ? db_null() : db_int64(report->status),
		db_text(report->error),
		db_int64(report->took_ms),
		report->retry_ms < 0 || report->outcome == WEBHOOK_GONE ? db_null() : db_int64(report->retry_ms),
		db_int64(report->pause_ms),
		db_int64(api->live.webhook_disable_days),
		db_int64(FAILURES_LEAST),
	};
	struct db_result *result = NULL;
	enum rc rc = db_pipeline_query(api->pipeline, &WEBHOOK_REPORT, values, WEBHOOK_REPORT.parameter_count,
	                               deadline_after_ms(CALL_MS), &result, err);
	db_result_free(result);
	return rc;
}
