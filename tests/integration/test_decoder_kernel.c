// The decoder's sandbox as the kernel sees it from outside: every thread, limit, namespace and descriptor.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

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

// What the kernel says of a thread, not what it says of itself.
static void check_thread(const char *thread)
{
	char path[320], line[256];
	bool no_privileges = false, filtered = false, no_capabilities = false;
	CLEANUP(close_stream) FILE *stream = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)child_pid(rig.child), thread);
	stream = fopen(path, "re");
	assert_non_null(stream);
	while (fgets(line, sizeof(line), stream) != NULL) {
		no_privileges |= strcmp(line, "NoNewPrivs:\t1\n") == 0;
		filtered |= strcmp(line, "Seccomp:\t2\n") == 0;
		no_capabilities |= strcmp(line, "CapEff:\t0000000000000000\n") == 0;
		if (geteuid() == 0 && strncmp(line, "Uid:", 4) == 0)
			assert_string_equal(line, "Uid:\t65534\t65534\t65534\t65534\n");
	}
	assert_true(no_privileges);
	assert_true(filtered);
	assert_true(no_capabilities);
}

static void test_kernel_agrees(void **state)
{
	char path[64];
	const struct dirent *entry;
	unsigned threads = 0;
	DIR *tasks;

	(void)state;
	rig_start(&rig);
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)child_pid(rig.child));
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		check_thread(entry->d_name);
		threads++;
	}
	(void)closedir(tasks);
	assert_in_range(threads, 2, 16);
}

// The soft and hard limits in force.
static void test_limits_are_set(void **state)
{
	static const struct {
		const char *name;
		unsigned long long value;
	} limits[] = { { "Max cpu time", 3600 },           { "Max file size", 64u << 20 }, { "Max core file size", 0 },
		       { "Max open files", 16 },           { "Max locked memory", 0 },     { "Max msgqueue size", 0 },
		       { "Max address space", 2ull << 30 } };
	char path[64], line[256];
	CLEANUP(close_stream) FILE *stream = NULL;
	unsigned found = 0;

	(void)state;
	rig_start(&rig);
	(void)snprintf(path, sizeof(path), "/proc/%d/limits", (int)child_pid(rig.child));
	stream = fopen(path, "re");
	assert_non_null(stream);
	while (fgets(line, sizeof(line), stream) != NULL) {
		for (size_t i = 0; i < LENGTH_OF(limits); i++) {
			unsigned long long soft = 1, hard = 1;

			if (strncmp(line, limits[i].name, strlen(limits[i].name)) != 0 ||
			    (rig_is_sanitized() && i == LENGTH_OF(limits) - 1))
				continue;
			if (sscanf(line + strlen(limits[i].name), "%llu %llu", &soft, &hard) != 2 ||
			    soft != limits[i].value || hard != limits[i].value)
				fail_msg("%s", line);
			found++;
		}
	}
	assert_in_range(found, LENGTH_OF(limits) - 1, LENGTH_OF(limits));
}

// Own network, process, mount, IPC and UTS namespaces, and a root folder with nothing in it.
static void test_namespaces_are_its_own(void **state)
{
	static const char *const names[] = { "net", "pid", "mnt", "ipc", "uts" };
	char path[64];
	const struct dirent *entry;
	DIR *root;

	(void)state;
	rig_start(&rig);
	if ((child_ready(rig.child)->layers & WIRE_LAYER_NAMESPACES) == 0 || geteuid() != 0) {
		print_message("SKIPPED: no namespaces here, or no right to look at them\n");
		skip();
	}
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		char ours[64] = "", theirs[64] = "";

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		assert_true(readlink(path, ours, sizeof(ours) - 1) > 0);
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)child_pid(rig.child), names[i]);
		assert_true(readlink(path, theirs, sizeof(theirs) - 1) > 0);
		assert_string_not_equal(ours, theirs);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)child_pid(rig.child));
	root = opendir(path);
	assert_non_null(root);
	while ((entry = readdir(root)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fail_msg("its root folder holds %s", entry->d_name);
	}
	(void)closedir(root);
}

static int count_entries(const char *path)
{
	char link[512];
	int count = 0;

	for (int fd = 0; fd < 256; fd++) {
		char entry[96];

		(void)snprintf(entry, sizeof(entry), "%s/%d", path, fd);
		count += readlink(entry, link, sizeof(link)) > 0;
	}
	return count;
}

// Standard streams on the null device, the socket, and nothing of the supervisor's; no environment.
static void test_inherits_nothing(void **state)
{
	char path[64], text[16];
	CLEANUP(close_descriptor) int secret = open("/etc/passwd", O_RDONLY); // not close-on-exec, on purpose
	CLEANUP(close_descriptor) int environment = -1;
	struct rig fresh;

	(void)state;
	if (geteuid() != 0) {
		print_message("SKIPPED: only root may look into a child that is not dumpable\n");
		skip();
	}
	rig_init(&fresh, "bin/safelight-decoder");
	rig_start(&fresh);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)child_pid(fresh.child));
	assert_int_equal(count_entries(path), 4);
	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)child_pid(fresh.child));
	environment = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(environment >= 0);
	// libvips's two settings are put in by the decoder itself, which the kernel's copy does not show.
	assert_int_equal(read(environment, text, sizeof(text)), 0);
	rig_done(&fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_agrees),
		cmocka_unit_test(test_limits_are_set),
		cmocka_unit_test(test_namespaces_are_its_own),
		cmocka_unit_test(test_inherits_nothing),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
