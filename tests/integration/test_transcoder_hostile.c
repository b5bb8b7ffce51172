// The hostile set through the whole system: each file comes to its end, the supervisor's memory stays as it was, and a
// good photo sent in their midst is ready like any other.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/hostile/bombs.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define END_MS 90000
#define PHOTO "samples/photos/tide.jpg"
#define GROWTH_BYTES_MOST (24ll << 20)

static struct test_account account;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&account);
	return test_stack_teardown(state);
}

static int64_t resident_bytes(pid_t pid)
{
	char path[64], line[256];
	long long kilobytes = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	CLEANUP(close_stream) FILE *stream = fopen(path, "re");
	assert_non_null(stream);
	while (fgets(line, sizeof line, stream) != NULL)
		if (sscanf(line, "VmRSS: %lld kB", &kilobytes) == 1)
			break;
	assert_true(kilobytes > 0);
	return kilobytes * 1024;
}

static const char *type_of(const char *name)
{
	static const char *const TYPES[][2] = { { ".jpg", "image/jpeg" }, { ".png", "image/png" },
		                                { ".gif", "image/gif" },  { ".webp", "image/webp" },
		                                { ".tif", "image/tiff" }, { ".heic", "image/heic" },
		                                { ".avif", "image/avif" } };
	for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
		if (strcmp(strrchr(name, '.'), TYPES[i][0]) == 0)
			return TYPES[i][1];
	fail_msg("no type for %s", name);
	return NULL;
}

static void upload(const char *name, const void *data, size_t length, char ret_id[37])
{
	test_upload_whole(&account, &(struct test_file){ name, type_of(name), data, length }, ret_id);
}

// Wait until it has ended; its state is left to the table of bombs and to test_decoder_hostile.
static void await_end(const char *name, const char *id)
{
	test_sql_await(
	        1, END_MS,
	        "SELECT count(*) FROM media WHERE id = $1::uuid AND state IN ('ready', 'failed', 'rejected') AND "
	        "(state = 'ready' OR reason_code NOT IN ('internal', 'crashed', 'sandbox'))",
	        id, NULL);
	char *state = test_sql_text("SELECT state || ' ' || coalesce(reason_code, '') FROM media WHERE id = $1::uuid",
	                            id, NULL);
	print_message("%-16s %s\n", name, state);
	free(state);
}

static void each_ends_and_nobody_is_disturbed(void **state)
{
	char ids[64][37], photo[37];
	size_t length;
	char *data = test_file_read(PHOTO, &length);
	pid_t supervisor = test_stack_pid("transcoder");
	(void)state;
	upload(PHOTO, data, length, photo); // what a first job takes is not growth
	json_decref(test_media_await(&account, photo, "ready", END_MS));
	int64_t before = resident_bytes(supervisor);
	assert_in_range(bomb_count, 1, sizeof ids / sizeof ids[0]);
	for (size_t i = 0; i < bomb_count; i++) {
		struct buffer file;
		buffer_init(&file, BOMB_BYTES_MOST);
		bombs[i].make(&file);
		upload(bombs[i].name, file.data, file.length, ids[i]);
		buffer_done(&file);
		if (i == bomb_count / 2)
			upload(PHOTO, data, length, photo);
	}
	json_decref(test_media_await(&account, photo, "ready", END_MS));
	for (size_t i = 0; i < bomb_count; i++)
		await_end(bombs[i].name, ids[i]);
	assert_int_equal(test_stack_pid("transcoder"), supervisor);
	int64_t growth = resident_bytes(supervisor) - before;
	print_message("the supervisor has grown by %lld kB\n", (long long)growth / 1024);
	assert_true(growth < GROWTH_BYTES_MOST);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_ends_and_nobody_is_disturbed),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
