// The decoder makes no code at run time: what can be executed in it is what its files hold.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const samples[] = { "ember.jpg", "dunes-exif6.jpg", "iris.png", "aurora.webp" };

static struct rig rig;

static int open_rig(void **state)
{
	(void)state;
	rig_init(&rig, "bin/safelight-decoder");
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	rig_done(&rig);
	return 0;
}

// What can be executed comes from a file and cannot be written.
static void assert_only_files_execute(void)
{
	char path[64], line[4400];
	unsigned executable = 0;
	FILE *stream;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)child_pid(rig.child));
	stream = fopen(path, "re");
	assert_non_null(stream);
	while (fgets(line, sizeof(line), stream) != NULL) {
		char rights[5];

		assert_int_equal(sscanf(line, "%*s %4s", rights), 1);
		if (rights[2] != 'x')
			continue;
		executable++;
		if (rights[1] == 'w' || strstr(line, "(deleted)") != NULL || strstr(line, "memfd:") != NULL ||
		    (strstr(line, " /") == NULL && strstr(line, "[v") == NULL)) // [vdso], [vsyscall]
			fail_msg("executable memory: %s", line);
	}
	(void)fclose(stream);
	assert_true(executable > 0);
}

// No code is made at run time, on either path.
static void test_no_code_is_made(void **state)
{
	(void)state;
	rig_start(&rig);
	assert_only_files_execute();
	for (size_t i = 0; i < LENGTH_OF(samples); i++) {
		CLEANUP(free_pointer) uint8_t *bytes = NULL;
		struct rig_result result;
		size_t length;

		assert_true(rig_read(RIG_SAMPLES, samples[i], &bytes, &length));
		rig_run(&rig, bytes, length, &result);
		assert_true(result.outcome.done);
		assert_only_files_execute();
		rig_result_done(&result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_code_is_made),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
