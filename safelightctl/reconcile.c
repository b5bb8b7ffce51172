// safelightctl reconcile --dry-run: what ingest's reconciler and janitor have before them, and the promises held
// against tables and buckets: every row has its object, every settled media is whole.
#include <stdio.h>

#include "base/cleanup.h"
#include "base/settings.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/progress.h"
#include "safelightctl/reach.h"
#include "safelightctl/reconcile_bucket.h"
#include "safelightctl/report.h"
#include "store/store.h"

// work: what the reconciler will do by itself. broken: what must never be; anything above 0 is a bug, or a restore that
// took the database further than its buckets.
static const struct db_statement tables_statement = {
	.name = "ctl_reconcile_tables",
	.sql = "SELECT json_build_object('work', json_build_object("
	       "'jobs_to_ring', (SELECT count(*) FROM jobs WHERE (state = 'queued' AND not_before < now() - $1 * interval '1 ms')"
	       "    OR (state = 'running' AND lease_until < now())), "
	       "'uploads_to_check', (SELECT count(*) FROM uploads WHERE completed_at IS NULL AND aborted_at IS NULL"
	       "    AND expires_at >= now() AND created_at < now() - $1 * interval '1 ms'), "
	       "'uploads_to_expire', (SELECT count(*) FROM uploads WHERE completed_at IS NULL AND aborted_at IS NULL"
	       "    AND expires_at < now() - $2 * interval '1 s'), "
	       "'messages_to_send', (SELECT count(*) FROM outbox WHERE sent_at IS NULL), "
	       "'deletions_due', (SELECT count(*) FROM deletions WHERE not_before <= now())), "
	       "'broken', json_build_object("
	       "'ready_without_variants', (SELECT count(*) FROM media m WHERE m.state = 'ready' AND m.kind <> 'file'"
	       "    AND NOT EXISTS (SELECT FROM variants v WHERE v.media_id = m.id AND v.state = 'ready')), "
	       "'foreign_keys', (SELECT count(*) FROM media WHERE NOT starts_with(original_key, id || '/')), "
	       "'settled_without_reason', (SELECT count(*) FROM media WHERE state IN ('failed', 'rejected')"
	       "    AND reason_code IS NULL), "
	       "'working_without_job', (SELECT count(*) FROM media m WHERE m.state IN ('uploaded', 'processing')"
	       "    AND NOT EXISTS (SELECT FROM jobs j WHERE j.media_id = m.id AND j.state IN ('queued', 'running'))), "
	       "'open_upload_of_settled_media', (SELECT count(*) FROM uploads u JOIN media m ON m.id = u.media_id"
	       "    WHERE u.completed_at IS NULL AND u.aborted_at IS NULL AND m.state IN ('ready', 'failed', 'deleted'))))",
	.parameter_count = 2,
	.read_only = true,
};

static const char *const WORK[] = { "jobs_to_ring", "uploads_to_check", "uploads_to_expire", "messages_to_send",
	                            "deletions_due" };

static enum rc read_tables(const struct call *call, struct db_pool *database, json_t **ret_document, struct err *err)
{
	const struct db_value values[] = { db_double((double)call->settings->ingest_overdue_ms),
		                           db_double((double)call->settings->ingest_expiry_grace_seconds) };
	return reach_query(database, &tables_statement, values, ret_document, err);
}

static enum rc read_buckets(const struct call *call, struct db_pool *database, json_t *document, struct err *err)
{
	const struct settings *settings = call->settings;
	const int64_t grace_us = settings->ingest_orphan_grace_seconds * 1000000;
	const struct reconcile_scan scans[] = {
		{ settings->store_originals_bucket, &reconcile_originals_keys, &reconcile_originals_again, grace_us },
		{ settings->store_media_bucket, &reconcile_variants_keys, &reconcile_variants_again, grace_us },
	};
	struct store *store = NULL;
	json_t *buckets = json_array();
	(void)json_object_set_new(document, "buckets", buckets);
	enum rc rc = store_open_configured(settings, settings->admin_access_key, settings->admin_secret_key, NULL,
	                                   &store, err);
	for (size_t i = 0; i < sizeof scans / sizeof scans[0] && rc == RC_OK; i++) {
		json_t *bucket = NULL;
		struct progress progress;
		progress_begin(&progress, scans[i].bucket, 0);
		rc = reconcile_bucket(database, store, &scans[i], &progress, &bucket, err);
		progress_end(&progress);
		if (rc == RC_OK)
			(void)json_array_append_new(buckets, bucket);
	}
	store_free(store);
	return rc;
}

static int64_t count_broken(const json_t *document)
{
	int64_t broken = 0;
	const char *name = NULL;
	json_t *value = NULL;
	size_t index = 0;
	json_object_foreach(json_object_get(document, "broken"), name, value) broken += json_integer_value(value);
	json_array_foreach(json_object_get(document, "buckets"), index, value) broken += report_int(value, "missing");
	return broken;
}

static void print_keys(const char *what, const json_t *keys)
{
	size_t index = 0;
	json_t *key = NULL;
	json_array_foreach(keys, index, key)
	{
		char text[256];
		(void)printf("  %s %s\n", what, report_safe(json_string_value(key), text, sizeof text));
	}
}

static void print_document(const json_t *document)
{
	const char *name = NULL;
	json_t *value = NULL;
	size_t index = 0;
	(void)printf("what the reconciler has before it\n");
	for (size_t i = 0; i < sizeof WORK / sizeof WORK[0]; i++)
		(void)printf("  %-30s %lld\n", WORK[i],
		             (long long)report_int(json_object_get(document, "work"), WORK[i]));
	json_array_foreach(json_object_get(document, "buckets"), index, value)
	{
		char bytes[REPORT_TEXT_SIZE];
		(void)printf(
		        "bucket %s: %lld objects, %lld rows; orphans to remove %lld (%s), too young to tell %lld\n",
		        report_text(value, "bucket"), (long long)report_int(value, "objects"),
		        (long long)report_int(value, "rows"), (long long)report_int(value, "orphans"),
		        report_bytes(report_int(value, "orphan_bytes"), bytes), (long long)report_int(value, "young"));
		print_keys("orphan ", json_object_get(value, "orphan_keys"));
		print_keys("MISSING", json_object_get(value, "missing_keys"));
	}
	(void)printf("what must never be\n");
	json_object_foreach(json_object_get(document, "broken"), name, value)(void)
	        printf("  %-30s %lld\n", name, (long long)json_integer_value(value));
	json_array_foreach(json_object_get(document, "buckets"), index, value)(void) printf(
	        "  missing in %-19s %lld\n", report_text(value, "bucket"), (long long)report_int(value, "missing"));
}

static enum rc run(const struct call *call, struct err *err)
{
	if (call_option(call, "--dry-run") == NULL)
		return err_set(err, RC_INVALID, "give --dry-run: ingest reconciles by itself, this only looks");
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_t *document = NULL;
	enum rc rc = reach_database(call, &database, err);
	if (rc == RC_OK)
		rc = read_tables(call, database, &document, err);
	if (rc == RC_OK)
		rc = read_buckets(call, database, document, err);
	if (rc == RC_OK) {
		int64_t broken = count_broken(document);
		(void)json_object_set_new(document, "ok", json_boolean(broken == 0));
		if (call->json)
			report_json(document);
		else
			print_document(document);
		if (broken > 0)
			rc = err_set(err, RC_CONFLICT, "%lld broken promises", (long long)broken);
	}
	json_decref(document);
	return rc;
}

static const struct command_option OPTIONS[] = {
	{ "--dry-run", NULL, "look, and change nothing" },
	{ NULL, NULL, NULL },
};

const struct command command_reconcile = {
	.name = "reconcile",
	.arguments = "",
	.summary = "hold tables and buckets against each other: what is to be done, what is missing",
	.options = OPTIONS,
	.secrets = SECRETS_DATABASE " admin.secret_key",
	.run = run,
};
