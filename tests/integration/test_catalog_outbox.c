// The outbox and the sweeps on a real Postgres.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/outbox.h"
#include "catalog/sweep.h"
#include "db/listen.h"
#include "db/pool.h"
#include "tests/integration/support/catalog.h"
#include "tests/unit/cmocka_all.h"

static struct test_catalogs catalogs;

static int open_catalogs(void **state)
{
	(void)state;
	return test_catalogs_open(&catalogs);
}

static int close_catalogs(void **state)
{
	(void)state;
	test_catalogs_close(&catalogs);
	return 0;
}

static const struct catalog *ingest(void)
{
	return &catalogs.of[TEST_INGEST];
}

static void empty(void)
{
	test_database_run(&catalogs.database, "TRUNCATE outbox, deletions");
}

// What a relay's send saw and does.
struct bus {
	unsigned fail_every; // every n-th row is not acknowledged; 0: none; 1: all
	size_t seen;
	char ids[600][CATALOG_MESSAGE_ID_SIZE];
	char last_subject[64];
};

static enum rc send_rows(void *context, const struct outbox_row *rows, size_t count, struct deadline deadline,
                         bool *ret_sent, struct err *err)
{
	struct bus *bus = context;
	bool any = false;

	assert_false(deadline_passed(deadline));
	for (size_t i = 0; i < count; i++) {
		assert_true(bus->seen < 600);
		(void)snprintf(bus->ids[bus->seen++], CATALOG_MESSAGE_ID_SIZE, "%s", rows[i].message_id);
		(void)snprintf(bus->last_subject, sizeof(bus->last_subject), "%s", rows[i].subject);
		assert_true(rows[i].payload[0] == '{');
		ret_sent[i] = bus->fail_every == 0 || (i + 1) % bus->fail_every != 0;
		any = any || ret_sent[i];
	}
	return any ? RC_OK : err_set(err, RC_UNAVAILABLE, "no bus");
}

static void add_events(size_t count)
{
	struct db_connection *connection = NULL;
	struct catalog_call call = test_call();
	struct event *events = calloc(count, sizeof(*events));

	assert_non_null(events);
	for (size_t i = 0; i < count; i++) {
		events[i].kind = EVENT_ITEM;
		events[i].item = (struct event_item){
			.verb = ITEM_VERB_CREATED, .item_id = uuid_new(), .owner_id = uuid_new(), .version = 1
		};
	}
	call.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	assert_int_equal(db_pool_acquire(catalogs.pools[TEST_API], test_deadline(), &connection, NULL), RC_OK);
	assert_int_equal(catalog_outbox_add(connection, &catalogs.of[TEST_API], &call, events, count, NULL), RC_OK);
	db_pool_release(catalogs.pools[TEST_API], connection);
	free(events);
}

static void rows_are_sent_and_marked(void **state)
{
	static struct bus bus;
	struct catalog_call call = test_call();
	size_t count = 0;
	int64_t waiting = 0, oldest_ms = 0, changed = 0;

	(void)state;
	bus = (struct bus){ .fail_every = 3 };
	empty();
	add_events(30);
	assert_int_equal(test_database_count(
	                         &catalogs.database,
	                         "SELECT count(*) FROM outbox WHERE subject = 'events.item.created' "
	                         "AND payload->>'source' = '/safelight/api' AND payload->>'traceparent' LIKE '00-%'"),
	                 30);
	assert_int_equal(catalog_outbox_backlog(ingest(), &call, &waiting, &oldest_ms, NULL), RC_OK);
	assert_int_equal(waiting, 30);
	assert_int_equal(catalog_outbox_relay(ingest(), &call, 20, send_rows, &bus, &count, NULL), RC_OK);
	assert_int_equal(count, 14);
	assert_int_equal(bus.seen, 20);
	assert_string_equal(bus.last_subject, "events.item.created");
	// The six wait a little; the next round takes the other ten.
	assert_int_equal(catalog_outbox_relay(ingest(), &call, 20, send_rows, &bus, &count, NULL), RC_OK);
	assert_int_equal(bus.seen, 30);
	bus.fail_every = 1;
	test_database_run(&catalogs.database, "UPDATE outbox SET not_before = now()");
	assert_int_equal(catalog_outbox_relay(ingest(), &call, 20, send_rows, &bus, &count, NULL), RC_UNAVAILABLE);
	assert_int_equal(test_database_count(&catalogs.database, "SELECT count(*) FROM outbox WHERE attempts = 2"), 9);
	bus.fail_every = 0;
	test_database_run(&catalogs.database, "UPDATE outbox SET not_before = now()");
	assert_int_equal(catalog_outbox_relay(ingest(), &call, 20, send_rows, &bus, &count, NULL), RC_OK);
	assert_int_equal(count, 9);
	assert_int_equal(catalog_outbox_relay(ingest(), &call, 20, send_rows, &bus, &count, NULL), RC_OK);
	assert_int_equal(count, 0);
	// The bus lost everything: again, under other ids.
	assert_int_equal(catalog_outbox_resend(ingest(), &call, 60000, &changed, NULL), RC_OK);
	assert_int_equal(changed, 30);
	bus.seen = 0;
	assert_int_equal(catalog_outbox_relay(ingest(), &call, 100, send_rows, &bus, &count, NULL), RC_OK);
	assert_int_equal(count, 30);
	assert_string_equal(strchr(bus.ids[0], '.'), ".1");
	assert_int_equal(catalog_outbox_purge(ingest(), &call, 60000, 100, &changed, NULL), RC_OK);
	assert_int_equal(changed, 0);
	assert_int_equal(catalog_outbox_purge(ingest(), &call, 0, 20, &changed, NULL), RC_OK);
	assert_int_equal(changed, 20);
}

struct relay {
	struct bus bus;
	size_t sent;
};

static void *relay_in_thread(void *context)
{
	struct relay *relay = context;
	struct catalog_call call = test_call();
	size_t count;

	do {
		if (catalog_outbox_relay(ingest(), &call, 10, send_rows, &relay->bus, &count, NULL) != RC_OK)
			break;
		relay->sent += count;
	} while (count > 0);
	return NULL;
}

static void several_relays_share_the_work(void **state)
{
	static struct relay relays[3];
	pthread_t threads[3];
	size_t sent = 0;

	(void)state;
	empty();
	for (unsigned i = 0; i < 2; i++)
		add_events(200);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, relay_in_thread, &relays[i]), 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)pthread_join(threads[i], NULL);
		sent += relays[i].sent;
		assert_int_equal(relays[i].sent, relays[i].bus.seen);
	}
	// Each row by one.
	assert_int_equal(sent, 400);
}

static void count_wake(void *context, const char *payload)
{
	(void)payload;
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void a_new_row_wakes_the_relay(void **state)
{
	_Atomic int wakes = 0;
	struct db_listener *listener = NULL;
	struct db_options options;
	struct deadline deadline = test_deadline();

	(void)state;
	test_database_options(&catalogs.database, TEST_INGEST, &options);
	assert_int_equal(db_listener_new(&options, CATALOG_OUTBOX_CHANNEL, count_wake, &wakes, &listener, NULL), RC_OK);
	while (atomic_load(&wakes) < 1 && !deadline_passed(deadline))
		clock_sleep_ms(5);
	add_events(5);
	while (atomic_load(&wakes) < 2 && !deadline_passed(deadline))
		clock_sleep_ms(5);
	assert_int_equal(atomic_load(&wakes), 2);
	db_listener_free(listener);
}

static void overdue_jobs_are_rung_again_ever_more_rarely(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct sweep_rung rung;
	struct uuid job_id;

	(void)state;
	test_database_run(&catalogs.database, "DELETE FROM jobs");
	test_upload_begin(&catalogs, &upload);
	(void)test_upload_complete(&catalogs, &upload.upload_id, false);
	job_id = test_job_id(&catalogs, &upload.media_id, "fast");
	empty();
	assert_int_equal(catalog_sweep_jobs(ingest(), &call, 10000, 100, &rung, NULL), RC_OK);
	assert_int_equal(rung.rung, 0);
	test_run_for(&catalogs, "UPDATE jobs SET rung_at = now() - interval '11 seconds' WHERE id = '%s'", &job_id);
	assert_int_equal(catalog_sweep_jobs(ingest(), &call, 10000, 100, &rung, NULL), RC_OK);
	assert_int_equal(rung.rung, 1);
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT count(*) FROM outbox WHERE payload->'data'->>'job_id' = '%s'", &job_id),
	                 1);
	// The second time it takes twice as long.
	test_run_for(&catalogs, "UPDATE jobs SET rung_at = now() - interval '11 seconds' WHERE id = '%s'", &job_id);
	assert_int_equal(catalog_sweep_jobs(ingest(), &call, 10000, 100, &rung, NULL), RC_OK);
	assert_int_equal(rung.rung, 0);
	test_run_for(&catalogs, "UPDATE jobs SET rung_at = now() - interval '21 seconds' WHERE id = '%s'", &job_id);
	assert_int_equal(catalog_sweep_jobs(ingest(), &call, 10000, 100, &rung, NULL), RC_OK);
	assert_int_equal(rung.rung, 1);
	// At work: left alone, until its lease runs out.
	(void)test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	test_run_for(&catalogs, "UPDATE jobs SET rung_at = now() - interval '1 hour' WHERE id = '%s'", &job_id);
	assert_int_equal(catalog_sweep_jobs(ingest(), &call, 10000, 100, &rung, NULL), RC_OK);
	assert_int_equal(rung.rung, 0);
	test_run_for(&catalogs, "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = '%s'", &job_id);
	assert_int_equal(catalog_sweep_jobs(ingest(), &call, 10000, 100, &rung, NULL), RC_OK);
	assert_int_equal(rung.rung, 1);
	// Used up: ended here, though no worker will ever ask for it.
	test_run_for(&catalogs,
	             "UPDATE jobs SET attempts = 5, lease_until = now() - interval '1 second', "
	             "rung_at = now() - interval '1 hour' WHERE id = '%s'",
	             &job_id);
	assert_int_equal(catalog_sweep_jobs(ingest(), &call, 10000, 100, &rung, NULL), RC_OK);
	assert_int_equal(rung.rung, 0);
	assert_int_equal(rung.failed, 1);
	assert_int_equal(test_count_for(&catalogs, "SELECT count(*) FROM media WHERE id = '%s' AND state = 'failed'",
	                                &upload.media_id),
	                 1);
}

static void forgotten_uploads_are_looked_for(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct upload_row row;
	struct db_result *result;

	(void)state;
	test_database_run(&catalogs.database, "UPDATE uploads SET aborted_at = now() WHERE completed_at IS NULL");
	test_upload_begin(&catalogs, &upload);
	assert_int_equal(catalog_sweep_uploads(ingest(), &call, 10000, 10, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 0);
	db_result_free(result);
	test_run_for(&catalogs, "UPDATE uploads SET check_after = now() WHERE id = '%s'", &upload.upload_id);
	assert_int_equal(catalog_sweep_uploads(ingest(), &call, 10000, 10, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 1);
	catalog_upload_read(result, 0, &row);
	assert_true(uuid_equal(&row.id, &upload.upload_id));
	assert_string_equal(row.object_key, upload.object_key);
	db_result_free(result);
	assert_int_equal(catalog_sweep_uploads(ingest(), &call, 10000, 10, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 0);
	db_result_free(result);
	assert_int_equal(catalog_sweep_expired(ingest(), &call, 3600000, 10, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 0);
	db_result_free(result);
	test_run_for(&catalogs, "UPDATE uploads SET expires_at = now() - interval '2 hours' WHERE id = '%s'",
	             &upload.upload_id);
	assert_int_equal(catalog_sweep_expired(ingest(), &call, 3600000, 10, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 1);
	db_result_free(result);
}

static void deletions_are_done_once_or_again(void **state)
{
	struct catalog_call call = test_call();
	struct uuid media_id = uuid_new();
	struct deletion_row deletion;
	struct db_result *result;
	int64_t ids[2];

	(void)state;
	empty();
	assert_int_equal(catalog_deletion_add(ingest(), &call, DELETION_VARIANT, &media_id, "a/1/b.jpg", 0, NULL),
	                 RC_OK);
	assert_int_equal(catalog_deletion_add(&catalogs.of[TEST_TRANSCODER], &call, DELETION_ORIGINAL, &media_id, "a/b",
	                                      0, NULL),
	                 RC_OK);
	assert_int_equal(catalog_deletion_add(ingest(), &call, DELETION_PURGE, &media_id, "/m/a/", 60000, NULL), RC_OK);
	assert_int_equal(catalog_deletion_claim(ingest(), &call, 10, 60000, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 2);
	for (size_t i = 0; i < 2; i++) {
		catalog_deletion_read(result, i, &deletion);
		assert_int_equal(deletion.kind,
		                 strcmp(deletion.target, "a/b") == 0 ? DELETION_ORIGINAL : DELETION_VARIANT);
		assert_int_equal(deletion.attempts, 1);
		ids[i] = deletion.id;
	}
	db_result_free(result);
	assert_int_equal(catalog_deletion_claim(ingest(), &call, 10, 60000, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 0);
	db_result_free(result);
	assert_int_equal(catalog_deletion_done(ingest(), &call, ids, 1, NULL), RC_OK);
	assert_int_equal(catalog_deletion_retry(ingest(), &call, ids[1], "the store is away", NULL), RC_OK);
	assert_int_equal(test_database_count(&catalogs.database,
	                                     "SELECT count(*) FROM deletions WHERE last_error = 'the store is away' "
	                                     "AND not_before BETWEEN now() AND now() + interval '1 second'"),
	                 1);
	assert_int_equal(test_database_count(&catalogs.database, "SELECT count(*) FROM deletions"), 2);
}

static void rows_go_when_nothing_of_theirs_is_left(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct upload_ended ended;
	int64_t count;

	(void)state;
	test_upload_begin(&catalogs, &upload);
	assert_int_equal(catalog_upload_abort(ingest(), &call, &upload.upload_id, &ended, NULL), RC_OK);
	test_run_for(&catalogs, "UPDATE media SET updated_at = now() - interval '2 days' WHERE id = '%s'",
	             &upload.media_id);
	assert_int_equal(catalog_sweep_rows(ingest(), &call, 86400000, 100, &count, NULL), RC_OK);
	assert_int_equal(test_count_for(&catalogs, "SELECT count(*) FROM media WHERE id = '%s'", &upload.media_id), 1);
	test_run_for(&catalogs, "DELETE FROM deletions WHERE media_id = '%s'", &upload.media_id);
	assert_int_equal(catalog_sweep_rows(ingest(), &call, 86400000, 100, &count, NULL), RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM uploads WHERE media_id = '%s'", &upload.media_id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sent_and_marked),
		cmocka_unit_test(several_relays_share_the_work),
		cmocka_unit_test(a_new_row_wakes_the_relay),
		cmocka_unit_test(overdue_jobs_are_rung_again_ever_more_rarely),
		cmocka_unit_test(forgotten_uploads_are_looked_for),
		cmocka_unit_test(deletions_are_done_once_or_again),
		cmocka_unit_test(rows_go_when_nothing_of_theirs_is_left),
	};

	return cmocka_run_group_tests_name("catalog_outbox", tests, open_catalogs, close_catalogs);
}
