// Single layers of the decoder's sandbox, each without the others, so that none hides that another does nothing.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/sandbox_priv.h"
#include "transcoder/wire/wire.h"

// Each check runs in a process of its own, since no layer can be taken off again. 0: it holds.
static void assert_holds(int (*check)(void))
{
#ifdef __SANITIZE_THREAD__
	skip(); // its runtime has a thread of its own, and makes calls that the layers refuse
#endif
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(20);
		_exit(check());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0)
		fail_msg("check %d of the layer does not hold", WEXITSTATUS(status));
}

// ---- Landlock in every thread ----

// Ends with 0 when this thread is confined, else with the number of the first thing that it can still do.
static int try_everything(void)
{
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		return 1;
	if (open("/tmp/safelight-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	return 0;
}

static int go[2];

static void *try_in_old_thread(void *unused)
{
	char byte;

	(void)unused;
	if (read(go[0], &byte, 1) != 1)
		return (void *)9;
	return (void *)(intptr_t)try_everything();
}

#define OLD_THREADS 5

static int check_landlock(void)
{
	pthread_t old[OLD_THREADS];
	pid_t threads[SANDBOX_THREADS_MOST];
	uint32_t abi = 0, layers = 0;
	size_t count = 0;
	int ruleset, result;

	if (pipe2(go, O_CLOEXEC) != 0)
		return 20;
	for (size_t i = 0; i < OLD_THREADS; i++) {
		if (pthread_create(&old[i], NULL, try_in_old_thread, NULL) != 0)
			return 21;
	}
	if (sandbox_list_threads(threads, &count, NULL) != RC_OK || count != OLD_THREADS)
		return 22;
	ruleset = sandbox_new_ruleset(&abi, &layers);
	if (ruleset < 0 || abi < 1 || (layers & WIRE_LAYER_LANDLOCK) == 0)
		return 23;
	if (sandbox_confine_threads(threads, count, ruleset, NULL) != RC_OK)
		return 24;
	result = try_everything();
	if (write(go[1], "xxxxx", OLD_THREADS) != OLD_THREADS)
		return 25;
	for (size_t i = 0; i < OLD_THREADS; i++) {
		void *of_thread = NULL;

		(void)pthread_join(old[i], &of_thread);
		if (of_thread != NULL)
			result = 10 + (int)(intptr_t)of_thread;
	}
	return result;
}

static bool has_landlock(void)
{
	uint32_t abi = 0, layers = 0;
	int ruleset = sandbox_new_ruleset(&abi, &layers);

	if (ruleset >= 0)
		(void)close(ruleset);
	else
		print_message("SKIPPED: this kernel has no Landlock\n");
	return ruleset >= 0;
}

static void test_landlock_binds_all_threads(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_holds(check_landlock);
}

static int check_network(void)
{
	pid_t threads[SANDBOX_THREADS_MOST];
	uint32_t abi = 0, layers = 0;
	size_t count = 0;
	const uint8_t loopback[16] = { AF_INET, 0, 0, 9, 127, 0, 0, 1 }; // struct sockaddr_in, port 9
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || sandbox_list_threads(threads, &count, NULL) != RC_OK ||
	    sandbox_confine_threads(threads, count, sandbox_new_ruleset(&abi, &layers), NULL) != RC_OK)
		return 20;
	if ((layers & WIRE_LAYER_LANDLOCK_NETWORK) == 0)
		return 0; // an older kernel; the layer is not reported
	return connect(fd, (const struct sockaddr *)loopback, sizeof(loopback)) == -1 && errno == EACCES ? 0 : 1;
}

static void test_landlock_refuses_tcp(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_holds(check_network);
}

static int check_scope(void)
{
	pid_t threads[SANDBOX_THREADS_MOST];
	uint32_t abi = 0, layers = 0;
	size_t count = 0;
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0safelight-scope" };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), caller = socket(AF_UNIX, SOCK_STREAM, 0);

	if (kill(getppid(), 0) != 0 || bind(listener, (const struct sockaddr *)&name, sizeof(name)) != 0 ||
	    listen(listener, 1) != 0 || sandbox_list_threads(threads, &count, NULL) != RC_OK ||
	    sandbox_confine_threads(threads, count, sandbox_new_ruleset(&abi, &layers), NULL) != RC_OK)
		return 20;
	if ((layers & WIRE_LAYER_LANDLOCK_SCOPE) == 0)
		return 0; // an older kernel; the layer is not reported
	if (kill(getppid(), 0) == 0 || errno != EPERM)
		return 1;
	// The listener was made outside of the scope.
	return connect(caller, (const struct sockaddr *)&name, sizeof(name)) == -1 && errno == EPERM ? 0 : 2;
}

static void test_landlock_keeps_signals_and_sockets_inside(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_holds(check_scope);
}

// ---- rights ----

// Root, but with nothing that root may do; and no program may give it back.
static int check_rights(void)
{
	pid_t threads[SANDBOX_THREADS_MOST];
	size_t count = 0;

	if (sandbox_list_threads(threads, &count, NULL) != RC_OK ||
	    sandbox_confine_threads(threads, count, -1, NULL) != RC_OK)
		return 20;
	if (chroot("/") == 0 || errno != EPERM)
		return 1;
	if (sethostname("x", 1) == 0 || errno != EPERM)
		return 2;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
}

static void test_rights_are_gone(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("SKIPPED: only root has rights to lose\n");
		skip();
	}
	assert_holds(check_rights);
}

// ---- empty root ----

static int check_empty_root(void)
{
	if (unshare(CLONE_NEWNS) != 0)
		return 99;
	if (!sandbox_empty_root(NULL))
		return 1;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOENT)
		return 2;
	if (open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOENT)
		return 3;
	if (open("../../../../../etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOENT)
		return 4;
	if (open("/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EROFS)
		return 5;
	return 0;
}

static void test_root_is_empty(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("SKIPPED: a mount namespace of its own needs root\n");
		skip();
	}
	assert_holds(check_empty_root);
}

// ---- the folders that stay readable ----

static const char *const readable[] = { "/usr/share/fonts", "/usr/share/no-such-folder", NULL };

static bool can_list(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static int check_readable_root(void)
{
	struct stat status;

	if (unshare(CLONE_NEWNS) != 0)
		return 99;
	if (!can_list(readable[0]))
		return 98;
	(void)umask(077);
	if (!sandbox_empty_root(readable))
		return 1;
	if (stat("/usr", &status) != 0 || (status.st_mode & 0777) != 0555)
		return 7;
	if (!can_list(readable[0]))
		return 2;
	if (can_list("/usr/share/doc") || open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOENT)
		return 3;
	if (open("/usr/share/fonts/../../../etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOENT)
		return 4;
	if (open("/usr/share/fonts/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EROFS)
		return 5;
	if (open("/usr/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EROFS)
		return 6;
	return 0;
}

static void test_root_holds_what_is_readable(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("SKIPPED: a mount namespace of its own needs root\n");
		skip();
	}
	assert_holds(check_readable_root);
}

static int check_readable_landlock(void)
{
	uint32_t abi = 0, layers = 0;
	int ruleset = sandbox_new_ruleset(&abi, &layers);

	if (!sandbox_allow_reading(ruleset, readable) || sandbox_confine_threads(NULL, 0, ruleset, NULL) != RC_OK)
		return 20;
	if (!can_list(readable[0]))
		return 1;
	if (can_list("/usr/share/doc") || errno != EACCES)
		return 2;
	if (open("/usr/share/fonts/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES)
		return 3;
	return try_everything();
}

static void test_landlock_lets_read_what_is_readable(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_holds(check_readable_landlock);
}

// ---- allow-list ----

static void *allocate(void *unused)
{
	void *block = malloc(1000);

	(void)unused;
	free(block);
	return NULL;
}

static int check_thread_after_filter(void)
{
	pthread_t thread;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !sandbox_allow_calls(3, false))
		return 1;
	return pthread_create(&thread, NULL, allocate, NULL) == 0 && pthread_join(thread, NULL) == 0 ? 0 : 2;
}

// The filter alone, without the other layers: the first call that is not on the list is the last.
static void test_other_calls_kill(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !sandbox_allow_calls(3, false))
			_exit(1);
		_exit(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 2 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

// With files to read: reading is all that they are opened for.
static void test_files_are_opened_for_reading_only(void **state)
{
	static const struct {
		int flags;
		bool lives;
	} opens[] = { { O_RDONLY | O_CLOEXEC, true },
		      { O_RDONLY | O_DIRECTORY, true },
		      { O_WRONLY, false },
		      { O_RDWR, false },
		      { O_RDONLY | O_TRUNC, false },
		      { O_RDONLY | O_CREAT, false },
		      { O_TMPFILE | O_RDWR, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		pid_t pid = fork();
		int status = 0;

		assert_true(pid >= 0);
		if (pid == 0) {
			if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !sandbox_allow_calls(3, true))
				_exit(1);
			(void)open("/nowhere", opens[i].flags, 0600);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WIFEXITED(status) && WEXITSTATUS(status) == 0, opens[i].lives);
	}
}

// Codecs start threads while they work, so clone must work, in the one form that is a thread.
static void test_threads_can_start(void **state)
{
	(void)state;
	assert_holds(check_thread_after_filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_landlock_binds_all_threads),
		cmocka_unit_test(test_landlock_refuses_tcp),
		cmocka_unit_test(test_landlock_keeps_signals_and_sockets_inside),
		cmocka_unit_test(test_rights_are_gone),
		cmocka_unit_test(test_root_is_empty),
		cmocka_unit_test(test_root_holds_what_is_readable),
		cmocka_unit_test(test_landlock_lets_read_what_is_readable),
		cmocka_unit_test(test_other_calls_kill),
		cmocka_unit_test(test_files_are_opened_for_reading_only),
		cmocka_unit_test(test_threads_can_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
