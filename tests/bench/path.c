// The whole path of one photo beside the bare decoder: from `complete` to the preview's publication and to `ready`,
// through ingest, NATS, supervisor, sandbox and store of a running stack (SAFELIGHT_CONFIG), idle and behind a backlog;
// and what supervisor and children weigh. Prints for make bench-transcoder.
//
// usage: path PHOTO...: the first is timed, the others are the backlog.
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define RUNS 7
#define WAIT_MS 120000
#define PHOTOS_MOST 64
#define BACKLOG 12

struct photo {
	char *bytes;
	size_t length;
};

struct moments {
	double preview_ms, ready_ms;
	double all_ready_ms; // the backlog, too
};

static struct photo photos[PHOTOS_MOST];
static size_t photo_count;

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), compare_doubles);
	return values[count / 2];
}

static void begin(const struct test_account *account, const struct photo *photo, struct test_upload *upload)
{
	const struct test_file file = { "photo.jpg", "image/jpeg", photo->bytes, photo->length };

	test_upload_request(account, &file, upload);
	assert_int_equal(test_upload_put(upload, photo->bytes, photo->length), 200);
}

static void complete(const struct test_account *account, const struct test_upload *upload)
{
	struct test_reply reply = { 0 };

	test_upload_confirm(account, upload->upload_id, &reply);
	test_reply_done(&reply);
}

// Asks the database itself: what any client could be told from then on.
static struct moments await(const char *media_id, int64_t started_us)
{
	struct moments moments = { 0 };

	while (moments.ready_ms == 0) {
		double now = (double)(clock_monotonic_us() - started_us) / 1000;

		if (now > WAIT_MS)
			fail_msg("media %s is not ready after %d s", media_id, WAIT_MS / 1000);
		if (moments.preview_ms == 0 &&
		    test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1", media_id, NULL) > 0)
			moments.preview_ms = (double)(clock_monotonic_us() - started_us) / 1000;
		if (test_sql_int("SELECT count(*) FROM media WHERE id = $1 AND state = 'ready'", media_id, NULL) > 0)
			moments.ready_ms = (double)(clock_monotonic_us() - started_us) / 1000;
		clock_sleep_ms(3);
	}
	return moments;
}

// Until no job of any pool is left: the slow formats of the photo before are work, too.
static void await_idle(void)
{
	int64_t started_us = clock_monotonic_us();

	while (test_sql_int("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')", NULL) > 0) {
		if (clock_monotonic_us() - started_us > WAIT_MS * 1000LL)
			fail_msg("the stack is not idle after %d s", WAIT_MS / 1000);
		clock_sleep_ms(20);
	}
}

static struct moments time_one(const struct test_account *account, size_t backlog)
{
	struct test_upload waiting[PHOTOS_MOST] = { { 0 } };
	struct test_upload upload = { 0 };
	struct moments moments;
	int64_t started_us;

	await_idle();
	for (size_t i = 0; i < backlog; i++)
		begin(account, &photos[1 + i % (photo_count - 1)], &waiting[i]);
	begin(account, &photos[0], &upload);
	started_us = clock_monotonic_us();
	for (size_t i = 0; i < backlog; i++)
		complete(account, &waiting[i]);
	complete(account, &upload);
	moments = await(upload.media_id, started_us);
	for (size_t i = 0; i < backlog; i++) {
		(void)await(waiting[i].media_id, started_us);
		test_upload_done(&waiting[i]);
	}
	moments.all_ready_ms = (double)(clock_monotonic_us() - started_us) / 1000;
	test_upload_done(&upload);
	return moments;
}

// A line of /proc/PID/status in megabytes; 0 when it is gone.
static double status_mb(const char *process, const char *field)
{
	char path[64], line[256];
	unsigned long kilobytes = 0;
	FILE *stream;

	(void)snprintf(path, sizeof(path), "/proc/%s/status", process);
	stream = fopen(path, "re");
	while (stream != NULL && fgets(line, sizeof(line), stream) != NULL) {
		if (strncmp(line, field, strlen(field)) == 0)
			kilobytes = strtoul(line + strlen(field) + 1, NULL, 10);
	}
	if (stream != NULL)
		(void)fclose(stream);
	return (double)kilobytes / 1024;
}

// The largest VmHWM among the supervisor's children, which any of its threads may have started.
static double children_mb(const char *supervisor)
{
	char pattern[64];
	double most = 0;
	glob_t lists;

	(void)snprintf(pattern, sizeof(pattern), "/proc/%s/task/*/children", supervisor);
	assert_int_equal(glob(pattern, 0, NULL, &lists), 0);
	for (size_t i = 0; i < lists.gl_pathc; i++) {
		char list[4096] = "", *rest = list;
		FILE *stream = fopen(lists.gl_pathv[i], "re");

		if (stream != NULL && fgets(list, sizeof(list), stream) == NULL)
			list[0] = '\0';
		if (stream != NULL)
			(void)fclose(stream);
		for (char *child; (child = strsep(&rest, " \n")) != NULL;) {
			double peak = child[0] == '\0' ? 0 : status_mb(child, "VmHWM:");

			most = peak > most ? peak : most;
		}
	}
	globfree(&lists);
	assert_true(most > 0);
	return most;
}

static void report_ratio(const char *name, double goal_value, double value)
{
	printf("ratio %s %.2f goal 1\n", name, goal_value / value);
}

static void test_path(void **state)
{
	double previews[RUNS], readies[RUNS];
	struct test_account account = { 0 };
	struct moments behind;
	char supervisor[16];

	(void)state;
	test_account_new(&account);
	(void)time_one(&account, 0); // warm
	for (size_t i = 0; i < RUNS; i++) {
		struct moments moments = time_one(&account, 0);

		previews[i] = moments.preview_ms;
		readies[i] = moments.ready_ms;
	}
	(void)snprintf(supervisor, sizeof(supervisor), "%d", (int)test_stack_pid("transcoder"));
	printf("# idle: preview after %.0f ms, ready after %.0f ms (medians of %d)\n", median(previews, RUNS),
	       median(readies, RUNS), RUNS);
	printf("# supervisor %.0f MB, largest child %.0f MB\n", status_mb(supervisor, "VmHWM:"),
	       children_mb(supervisor));
	report_ratio("preview-150-ms", 150, median(previews, RUNS));
	report_ratio("ready-1-s", 1000, median(readies, RUNS));
	report_ratio("supervisor-40-mb", 40, status_mb(supervisor, "VmHWM:"));
	report_ratio("child-150-mb", 150, children_mb(supervisor));
	behind = time_one(&account, BACKLOG);
	printf("# behind %d others: preview after %.0f ms, ready after %.0f ms\n", BACKLOG, behind.preview_ms,
	       behind.ready_ms);
	printf("# all %d after %.0f ms\n", BACKLOG + 1, behind.all_ready_ms);
	test_account_done(&account);
}

int main(int argument_count, char **arguments)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_path) };

	for (int i = 1; i < argument_count && photo_count < PHOTOS_MOST; i++) {
		struct photo *photo = &photos[photo_count];

		if (file_read(arguments[i], 256u << 20, &photo->bytes, &photo->length, NULL) == RC_OK)
			photo_count++;
	}
	if (photo_count < 2)
		return 2;
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
