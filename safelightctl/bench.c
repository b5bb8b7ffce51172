// safelightctl bench: many copies of a photo through the running system, as that many phones would send them, timed.
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/progress.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"
#include "safelightctl/send.h"
#include "safelightctl/session.h"

#define UPLOADS 100
#define UPLOADS_MOST 100000
#define AT_ONCE 8
#define AT_ONCE_MOST 256
#define TIMEOUT_SECONDS 300
#define FILE_BYTES_MOST (200 * 1024 * 1024)
#define LOOK_MS 100

// $1 the account: how many of its media have ended, and the time from complete to preview and to ready by the
// database's own clock, which costs the system nothing while it works.
static const struct db_statement OUTCOME = {
	.name = "ctl_bench_outcome",
	.sql = "SELECT json_build_object('ready', count(*) FILTER (WHERE state = 'ready'), 'unready', "
	       "count(*) FILTER (WHERE state IN ('failed', 'rejected', 'expired')), "
	       "'span_ms', (extract(epoch FROM max(ready_at) - min(created_at)) * 1000)::bigint, "
	       "'preview', percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP "
	       "  (ORDER BY (extract(epoch FROM preview_at - uploaded_at) * 1000)::bigint), "
	       "'ready_after', percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP "
	       "  (ORDER BY (extract(epoch FROM ready_at - uploaded_at) * 1000)::bigint)) "
	       "FROM media WHERE owner_id = $1",
	.parameter_count = 1,
	.read_only = true,
};

struct bench {
	const struct call *call;
	struct session session;
	struct db_pool *database;
	struct uuid account_id;
	struct sending sending;
	int64_t uploads, at_once;
	struct sent *sent; // of each upload
	atomic_llong next; // upload to be sent
	atomic_llong done, failed;
	atomic_bool stops;
	sigset_t signals;     // that end the bench early, and are blocked
	pthread_mutex_t lock; // of what follows
	struct err first;     // of the failures
	int64_t upload_us;    // from the first begin to the last answer
};

static void *send_thread(void *argument)
{
	struct bench *bench = argument;
	for (long long i; !atomic_load(&bench->stops) && (i = atomic_fetch_add(&bench->next, 1)) < bench->uploads;) {
		struct err err = { 0 };
		enum rc rc = send_file(&bench->session, &bench->sending, &bench->sent[i], &err);
		atomic_fetch_add(rc == RC_OK ? &bench->done : &bench->failed, 1);
		if (rc == RC_OK)
			continue;
		bench->sent[i].complete_us = 0; // it counts for no figure
		(void)pthread_mutex_lock(&bench->lock);
		if (bench->first.rc == RC_OK)
			bench->first = err;
		(void)pthread_mutex_unlock(&bench->lock);
	}
	return NULL;
}

// Wait a moment; from an interruption on nothing more is begun, and what was is removed.
static void pause_or_stop(struct bench *bench)
{
	const struct timespec moment = { .tv_nsec = LOOK_MS * 1000000L };
	if (sigtimedwait(&bench->signals, NULL, &moment) > 0)
		atomic_store(&bench->stops, true);
}

static enum rc send_all(struct bench *bench, struct err *err)
{
	CLEANUP(free_pointer) pthread_t *threads = calloc((size_t)bench->at_once, sizeof *threads);
	struct progress progress;
	int64_t began_us = clock_monotonic_us(), count = 0;
	if (threads == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	while (count < bench->at_once && pthread_create(&threads[count], NULL, send_thread, bench) == 0)
		count++;
	progress_begin(&progress, "uploads", bench->uploads);
	for (int64_t ended = 0; count > 0 && ended < bench->uploads && !atomic_load(&bench->stops);) {
		pause_or_stop(bench);
		ended = atomic_load(&bench->done) + atomic_load(&bench->failed);
		progress_show(&progress, ended);
	}
	for (int64_t i = 0; i < count; i++)
		(void)pthread_join(threads[i], NULL);
	progress_end(&progress);
	bench->upload_us = clock_monotonic_us() - began_us;
	return count == bench->at_once
	               ? RC_OK
	               : err_set(err, RC_UNAVAILABLE, "cannot start %lld threads", (long long)bench->at_once);
}

// Until all that were uploaded have ended; *ret_outcome as it is then, or when the time is over. The caller drops it.
static enum rc await_all(struct bench *bench, int64_t timeout_ms, json_t **ret_outcome, struct err *err)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	const struct db_value values[] = { db_uuid(&bench->account_id) };
	struct progress progress;
	progress_begin(&progress, "photos ready", atomic_load(&bench->done));
	for (;;) {
		json_t *outcome = NULL;
		enum rc rc = reach_query(bench->database, &OUTCOME, values, &outcome, err);
		if (rc != RC_OK && !rc_is_transient(rc))
			return rc;
		int64_t ended = report_int(outcome, "ready") + report_int(outcome, "unready");
		progress_show(&progress, ended);
		if (rc == RC_OK &&
		    (ended >= atomic_load(&bench->done) || deadline_passed(deadline) || atomic_load(&bench->stops))) {
			progress_end(&progress);
			*ret_outcome = outcome;
			return RC_OK;
		}
		json_decref(outcome);
		pause_or_stop(bench);
	}
}

static int compare_numbers(const void *left, const void *right)
{
	const int64_t *one = left, *other = right;
	return (*one > *other) - (*one < *other);
}

// p50, p95 and p99 of one of the steps of those that were sent, by nearest rank.
static json_t *figures_of(const struct bench *bench, size_t offset)
{
	static const double QUANTILES[] = { 0.5, 0.95, 0.99 };
	CLEANUP(free_pointer) int64_t *values = calloc((size_t)bench->uploads, sizeof *values);
	json_t *figures = json_array();
	size_t count = 0;
	for (int64_t i = 0; values != NULL && i < bench->uploads; i++)
		if (bench->sent[i].complete_us > 0)
			values[count++] = *(const int64_t *)(const void *)((const char *)&bench->sent[i] + offset);
	if (count == 0)
		return figures;
	qsort(values, count, sizeof *values, compare_numbers);
	for (size_t i = 0; i < sizeof QUANTILES / sizeof QUANTILES[0]; i++)
		(void)json_array_append_new(
		        figures, json_real((double)values[(size_t)ceil(QUANTILES[i] * (double)count) - 1] / 1000));
	return figures;
}

static json_t *make_report(struct bench *bench, const json_t *outcome)
{
	int64_t done = atomic_load(&bench->done), waits = 0;
	double upload_seconds = (double)bench->upload_us / 1e6;
	double span_seconds = (double)report_int(outcome, "span_ms") / 1000;
	int64_t ready = report_int(outcome, "ready");
	for (int64_t i = 0; i < bench->uploads; i++)
		waits += bench->sent[i].waits;
	json_t *report = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "file", bench->sending.path,
	                           "bytes", (json_int_t)bench->sending.length, "at_once", (json_int_t)bench->at_once,
	                           "uploaded", (json_int_t)done, "failed", (json_int_t)atomic_load(&bench->failed),
	                           "ready", (json_int_t)ready, "not_ready", (json_int_t)(done - ready),
	                           "rate_limit_waits", (json_int_t)waits, "uploads_per_second",
	                           upload_seconds > 0 ? (double)done / upload_seconds : 0, "photos_per_second",
	                           span_seconds > 0 ? (double)ready / span_seconds : 0);
	json_t *steps = json_object();
	(void)json_object_set_new(steps, "begin", figures_of(bench, offsetof(struct sent, begin_us)));
	(void)json_object_set_new(steps, "put", figures_of(bench, offsetof(struct sent, put_us)));
	(void)json_object_set_new(steps, "complete", figures_of(bench, offsetof(struct sent, complete_us)));
	(void)json_object_set(steps, "complete_to_preview", json_object_get(outcome, "preview"));
	(void)json_object_set(steps, "complete_to_ready", json_object_get(outcome, "ready_after"));
	(void)json_object_set_new(report, "milliseconds", steps);
	return report;
}

static void print_report(const json_t *report)
{
	const char *name;
	json_t *figures;
	char bytes[REPORT_TEXT_SIZE];
	(void)printf("%lld uploads of %s (%s), %lld at once: %.1f uploads/s, %.1f photos/s ready\n",
	             (long long)report_int(report, "uploaded"), report_text(report, "file"),
	             report_bytes(report_int(report, "bytes"), bytes), (long long)report_int(report, "at_once"),
	             json_real_value(json_object_get(report, "uploads_per_second")),
	             json_real_value(json_object_get(report, "photos_per_second")));
	(void)printf("%-20s %9s %9s %9s\n", "MILLISECONDS", "P50", "P95", "P99");
	json_object_foreach(json_object_get(report, "milliseconds"), name, figures)
	{
		(void)printf("%-20s", name);
		for (size_t i = 0; i < 3; i++)
			if (json_is_number(json_array_get(figures, i)))
				(void)printf(" %9.1f", json_number_value(json_array_get(figures, i)));
			else
				(void)printf(" %9s", "-");
		(void)printf("\n");
	}
	if (report_int(report, "rate_limit_waits") > 0)
		(void)printf(
		        "the rate limit made calls wait %lld times: raise [http] account_calls and address_calls, or "
		        "these figures are theirs\n",
		        (long long)report_int(report, "rate_limit_waits"));
}

// What the bench made goes again: the account with all it has, or of somebody's own account just these media.
static bool clean_up(struct bench *bench)
{
	if (session_is_throw_away(&bench->session))
		return session_erase(&bench->session);
	bool is_gone = true;
	for (int64_t i = 0; i < bench->uploads; i++) {
		char path[64];
		struct err err = { 0 };
		unsigned status = 0;
		if (bench->sent[i].media_id[0] == '\0')
			continue;
		(void)snprintf(path, sizeof path, "/v1/media/%s", bench->sent[i].media_id);
		enum rc rc = session_call(&bench->session, "DELETE", path, NULL, &status, NULL, &err);
		is_gone = is_gone && rc == RC_OK && (status / 100 == 2 || status == 404);
	}
	return is_gone;
}

static enum rc find_account(struct bench *bench, struct err *err)
{
	json_auto_t *me = NULL;
	unsigned status = 0;
	enum rc rc = session_call(&bench->session, "GET", "/v1/me", NULL, &status, &me, err);
	if (rc != RC_OK)
		return rc;
	if (status != 200)
		return session_refused(status, me, "asking for the account", err);
	return uuid_parse(report_text(me, "id"), &bench->account_id)
	               ? RC_OK
	               : err_set(err, RC_CORRUPT, "the account has no id");
}

static enum rc run_all(struct bench *bench, int64_t timeout_ms, struct err *err)
{
	json_auto_t *outcome = NULL;
	enum rc rc = send_all(bench, err);
	if (rc == RC_OK)
		rc = await_all(bench, timeout_ms, &outcome, err);
	if (rc != RC_OK)
		return rc;
	json_auto_t *report = make_report(bench, outcome);
	bool is_gone = clean_up(bench);
	(void)json_object_set_new(report, "removed", json_boolean(is_gone));
	if (bench->call->json)
		report_json(report);
	else
		print_report(report);
	if (atomic_load(&bench->stops))
		return err_set(err, RC_CONFLICT, "interrupted; what it had made is %s",
		               is_gone ? "removed" : "still there");
	if (bench->first.rc != RC_OK)
		return err_set(err, RC_CONFLICT, "%lld uploads failed, the first: %.150s",
		               (long long)atomic_load(&bench->failed), bench->first.text);
	if (report_int(report, "not_ready") > 0)
		return err_set(err, RC_CONFLICT, "%lld photos did not become ready in time",
		               (long long)report_int(report, "not_ready"));
	return is_gone ? RC_OK : err_set(err, RC_CONFLICT, "what it made could not be removed");
}

static enum rc prepare(struct bench *bench, struct err *err)
{
	const char *url = call_option(bench->call, "--url");
	bench->sent = calloc((size_t)bench->uploads, sizeof *bench->sent);
	if (bench->sent == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	enum rc rc = reach_database(bench->call, &bench->database, err);
	if (rc == RC_OK)
		rc = session_begin(&bench->session, url == NULL ? bench->call->settings->cdn_public_url : url,
		                   (unsigned)bench->at_once, err);
	if (rc == RC_OK)
		rc = find_account(bench, err);
	return rc;
}

static enum rc run(const struct call *call, struct err *err)
{
	CLEANUP(free_pointer) char *data = NULL;
	struct bench bench = { .call = call, .uploads = UPLOADS, .at_once = AT_ONCE };
	int64_t seconds = TIMEOUT_SECONDS;
	size_t length = 0;
	enum rc rc = call_number(call, "--uploads", 1, UPLOADS_MOST, &bench.uploads, err);
	if (rc == RC_OK)
		rc = call_number(call, "--at-once", 1, AT_ONCE_MOST, &bench.at_once, err);
	if (rc == RC_OK)
		rc = call_number(call, "--timeout", 1, 86400, &seconds, err);
	if (rc == RC_OK)
		rc = file_read(call->arguments[0], FILE_BYTES_MOST, &data, &length, err);
	if (rc != RC_OK)
		return rc;
	bench.sending = (struct sending){ .path = call->arguments[0], .data = data, .length = length };
	(void)sigemptyset(&bench.signals);
	(void)sigaddset(&bench.signals, SIGINT);
	(void)sigaddset(&bench.signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &bench.signals, NULL);
	(void)pthread_mutex_init(&bench.lock, NULL);
	rc = prepare(&bench, err);
	if (rc == RC_OK)
		rc = run_all(&bench, seconds * 1000, err);
	(void)pthread_mutex_destroy(&bench.lock);
	session_done(&bench.session);
	reach_database_done(&bench.database);
	free(bench.sent);
	return rc;
}

static const struct command_option OPTIONS[] = {
	{ "--uploads", "N", "how many copies, 1 to 100000 (100)" },
	{ "--at-once", "N", "how many of them at once, 1 to 256 (8)" },
	{ "--url", "URL", "where the edge answers ([cdn] public_url)" },
	{ "--timeout", "SECONDS", "how long the last may take to become ready, 1 to 86400 (300)" },
	{ 0 },
};

const struct command command_bench = {
	.name = "bench",
	.arguments = "FILE",
	.summary = "many copies of a photo through the running system: uploads and photos a second, latencies",
	.options = OPTIONS,
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_DATABASE,
	.run = run,
};
