// The decoder makes no code at run time: what can be executed in it is what its files hold.
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

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

static void run_samples(void)
{
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

// No code is made at run time, on either path.
static void test_no_code_is_made(void **state)
{
	(void)state;
	rig_start(&rig);
	assert_only_files_execute();
	run_samples();
}

static void deny(scmp_filter_ctx filter, int call, struct scmp_arg_cmp argument)
{
	assert_int_equal(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1, argument), 0);
}

// What MemoryDenyWriteExecute= of the transcoder's unit does (systemd.exec(5)), to this process and its children for
// good.
static void deny_write_execute(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const struct scmp_arg_cmp writable =
	        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE);
	const struct scmp_arg_cmp executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);

	assert_non_null(filter);
	deny(filter, SCMP_SYS(mmap), writable);
	deny(filter, SCMP_SYS(mprotect), executable);
	deny(filter, SCMP_SYS(pkey_mprotect), executable);
	deny(filter, SCMP_SYS(shmat), SCMP_A2(SCMP_CMP_MASKED_EQ, SHM_EXEC, SHM_EXEC));
	assert_int_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	                 MAP_FAILED);
}

// The decoder starts, warms up and works under the unit's MemoryDenyWriteExecute=yes.
static void test_decoder_without_write_execute(void **state)
{
	(void)state;
	rig_done(&rig);
	deny_write_execute();
	rig_init(&rig, "bin/safelight-decoder");
	rig_start(&rig);
	run_samples();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_code_is_made),
		cmocka_unit_test(test_decoder_without_write_execute), // last: what it denies stays denied
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
