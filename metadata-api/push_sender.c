// A few threads, each with a handful of messages at a time.
#include "metadata-api/push_sender.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/retry.h"
#include "base/settings.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "media/reason.h"
#include "metadata-api/api.h"
#include "metadata-api/push.h"

#define PAUSE_MS 1000
#define CALL_MS 5000
#define BATCH 5
// Longer than a batch may take; then another sender tries.
#define LEASE_SECONDS 90
#define THREADS_MAX 64

static const struct retry_policy RETRY = { .attempts = 5, .base_ms = 10000, .cap_ms = 600000 };

struct push_sender {
	struct api *api;
	struct push_adapter *fcm;
	struct push_adapter *apns;
	struct push_adapter *gateway; // carries what the others do not; NULL: nobody does
	struct background *threads[THREADS_MAX];
	size_t thread_count;
	atomic_bool stops;
	struct metric *outcomes[4]; // by enum push_result
};

// $1 most, $2 seconds.
static const struct db_statement PUSH_CLAIM = {
	.name = "push_claim",
	.sql = "WITH due AS (SELECT id FROM pushes WHERE next_at <= now() ORDER BY next_at LIMIT $1::bigint "
	       "  FOR UPDATE SKIP LOCKED) "
	       "UPDATE pushes p SET next_at = now() + make_interval(secs => $2::bigint), attempts = p.attempts + 1 "
	       "FROM due, devices d, notifications n WHERE p.id = due.id AND d.id = p.device_id AND n.id = p.notification_id "
	       "RETURNING p.id, p.attempts, d.id, d.platform, d.token, n.id, n.kind, n.subject_id, n.reason, "
	       "  p.created_at < now() - interval '1 day' OR n.read_at IS NOT NULL OR d.user_id <> n.user_id",
	.parameter_count = 2,
};

static const struct db_statement PUSH_DONE = {
	.name = "push_done",
	.sql = "DELETE FROM pushes WHERE id = $1::bigint",
	.parameter_count = 1,
};

static const struct db_statement PUSH_LATER_AT = {
	.name = "push_later",
	.sql = "UPDATE pushes SET next_at = now() + $2::bigint * interval '1 millisecond' WHERE id = $1::bigint",
	.parameter_count = 2,
};

// A token that was registered again meanwhile is another matter.
static const struct db_statement PUSH_FORGET = {
	.name = "push_forget",
	.sql = "DELETE FROM devices WHERE id = $1 AND token = $2",
	.parameter_count = 2,
};

static void run(struct push_sender *sender, const struct db_statement *statement, const struct db_value *values)
{
	struct err err = { 0 };
	struct db_result *result = NULL;
	if (db_pipeline_query(sender->api->pipeline, statement, values, statement->parameter_count,
	                      deadline_after_ms(CALL_MS), &result, &err) != RC_OK)
		LOG_FAILURE(LOG_WARNING, "push_not_reported", &err);
	db_result_free(result);
}

static struct push_adapter *adapter_for(const struct push_sender *sender, const char *platform)
{
	if (strcmp(platform, "fcm") == 0 && sender->fcm != NULL)
		return sender->fcm;
	if (strcmp(platform, "apns") == 0 && sender->apns != NULL)
		return sender->apns;
	return sender->gateway;
}

// What a person reads, in the device's notification.
static void word(struct push_message *message, const char *reason_code)
{
	enum media_reason reason;
	bool has_reason = reason_code != NULL && media_reason_parse(reason_code, &reason);
	message->subject_name = "media_id";
	message->body = has_reason ? media_reason_detail(reason) : "";
	if (strcmp(message->kind, "media.ready") == 0) {
		message->title = "Your upload is ready";
	} else if (strcmp(message->kind, "media.failed") == 0) {
		message->title = "Your upload could not be prepared";
	} else if (strcmp(message->kind, "media.rejected") == 0) {
		message->title = "Your upload was not accepted";
	} else if (strcmp(message->kind, "item.shared") == 0) {
		message->title = "A link to one of your items was made";
		message->subject_name = "item_id";
	} else {
		message->title = "A webhook was switched off";
		message->subject_name = "webhook_id";
		message->body = reason_code == NULL ? "" : reason_code;
	}
}

static enum push_result send(struct push_sender *sender, const struct db_result *result, size_t row)
{
	char subject[UUID_TEXT_SIZE];
	struct err err = { 0 };
	struct uuid subject_id = db_result_uuid(result, row, 7);
	uuid_format(&subject_id, subject);
	struct push_message message = { .notification_id = db_result_uuid(result, row, 5),
		                        .platform = db_result_text(result, row, 3),
		                        .token = db_result_text(result, row, 4),
		                        .kind = db_result_text(result, row, 6),
		                        .subject_id = subject };
	struct push_adapter *adapter = adapter_for(sender, message.platform);
	if (adapter == NULL || db_result_bool(result, row, 9))
		return PUSH_REFUSED; // nobody carries it, it is old news, or of the device's former owner
	word(&message, db_result_text(result, row, 8));
	enum push_result outcome = adapter->send(adapter, &message, &err);
	if (outcome != PUSH_SENT && !atomic_load(&sender->stops))
		LOG_FAILURE(outcome == PUSH_INVALID ? LOG_DEBUG : LOG_INFO, "push_not_taken", &err);
	metric_add(sender->outcomes[outcome], 1);
	return outcome;
}

static void send_and_report(struct push_sender *sender, const struct db_result *result, size_t row)
{
	enum push_result outcome = send(sender, result, row);
	unsigned attempts = (unsigned)db_result_int64(result, row, 1);
	struct uuid device = db_result_uuid(result, row, 2);
	const struct db_value push[] = { db_int64(db_result_int64(result, row, 0)),
		                         db_int64(retry_delay_ms(&RETRY, attempts)) };
	if (outcome == PUSH_LATER && atomic_load(&sender->stops))
		return; // broken off: the lease ends
	if (outcome == PUSH_LATER && attempts < RETRY.attempts) {
		run(sender, &PUSH_LATER_AT, push);
		return;
	}
	run(sender, &PUSH_DONE, push);
	if (outcome == PUSH_INVALID) {
		const struct db_value gone[] = { db_uuid(&device), db_text(db_result_text(result, row, 4)) };
		run(sender, &PUSH_FORGET, gone);
	}
}

static bool work(void *context)
{
	struct push_sender *sender = context;
	struct err err = { 0 };
	struct db_result *result = NULL;
	const struct db_value values[] = { db_int64(BATCH), db_int64(LEASE_SECONDS) };
	if (atomic_load(&sender->stops))
		return false;
	if (db_pipeline_query(sender->api->pipeline, &PUSH_CLAIM, values, 2, deadline_after_ms(CALL_MS), &result,
	                      &err) != RC_OK) {
		LOG_FAILURE(LOG_WARNING, "pushes_not_claimed", &err);
		return false;
	}
	size_t count = db_result_rows(result);
	for (size_t row = 0; row < count && !atomic_load(&sender->stops); row++)
		send_and_report(sender, result, row);
	db_result_free(result);
	return count == BATCH;
}

static enum rc start(struct push_sender *sender, struct err *err)
{
	static const char *const OUTCOMES[] = { [PUSH_SENT] = "outcome=\"sent\"",
		                                [PUSH_INVALID] = "outcome=\"invalid\"",
		                                [PUSH_LATER] = "outcome=\"later\"",
		                                [PUSH_REFUSED] = "outcome=\"refused\"" };
	const struct settings *settings = sender->api->settings;
	for (size_t i = 0; i < sizeof OUTCOMES / sizeof OUTCOMES[0]; i++)
		sender->outcomes[i] = metrics_add(sender->api->metrics, METRIC_COUNTER, "safelight_push_messages_total",
		                                  "Push messages by outcome.", OUTCOMES[i]);
	enum rc rc = push_fcm_new(settings, &sender->fcm, err);
	if (rc == RC_OK)
		rc = push_apns_new(settings, &sender->apns, err);
	if (rc == RC_OK)
		rc = push_webhook_new(settings, &sender->gateway, err);
	while (rc == RC_OK && sender->thread_count < (size_t)settings->push_threads) {
		rc = background_new("push", PAUSE_MS, work, sender, &sender->threads[sender->thread_count], err);
		sender->thread_count += rc == RC_OK;
	}
	return rc;
}

enum rc push_sender_new(struct api *api, struct push_sender **ret_sender, struct err *err)
{
	struct push_sender *sender = calloc(1, sizeof *sender);
	if (sender == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for push messages");
	sender->api = api;
	enum rc rc = start(sender, err);
	if (rc != RC_OK) {
		push_sender_free(sender);
		return rc;
	}
	*ret_sender = sender;
	return RC_OK;
}

void push_sender_wake(struct push_sender *sender)
{
	if (sender != NULL)
		background_wake(sender->threads[0]);
}

void push_sender_free(struct push_sender *sender)
{
	if (sender == NULL)
		return;
	struct push_adapter *adapters[] = { sender->fcm, sender->apns, sender->gateway };
	size_t count = sizeof adapters / sizeof adapters[0];
	atomic_store(&sender->stops, true);
	for (size_t i = 0; i < count; i++)
		if (adapters[i] != NULL)
			adapters[i]->abort(adapters[i]);
	for (size_t i = 0; i < sender->thread_count; i++)
		background_free(sender->threads[i]);
	for (size_t i = 0; i < count; i++)
		if (adapters[i] != NULL)
			adapters[i]->free(adapters[i]);
	free(sender);
}
