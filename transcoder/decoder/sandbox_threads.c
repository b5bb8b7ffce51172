// Confining every thread of the process: Landlock, capabilities and no-new-privileges belong to a thread, and libvips
// keeps its workers from the warm-up. Each thread runs the confinement itself, in a signal handler (as glibc does for
// setresuid).
#include "transcoder/decoder/sandbox_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

// A signal nobody else uses.
#define CONFINE_SIGNAL (SIGRTMAX - 1)
#define ANSWER_MS 2000

// What the handler works with: a handler has no other way to be told.
static struct {
	int ruleset;
	atomic_size_t confined;
	atomic_size_t refused;
} broadcast;

// Only system calls: it also runs in the signal handler.
static bool confine_this_thread(int ruleset)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	if (syscall(SYS_capset, &header, none) != 0)
		return false;
	return ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

static void on_confine(int number)
{
	int saved = errno;

	(void)number;
	if (confine_this_thread(broadcast.ruleset))
		atomic_fetch_add(&broadcast.confined, 1);
	else
		atomic_fetch_add(&broadcast.refused, 1);
	errno = saved;
}

// The thread's id in the innermost process namespace: the last number of the line "NSpid:\t4711\t5" of its status.
static pid_t read_inner_id(const char *name)
{
	char path[64], text[4096], *line, *end;
	CLEANUP(close_descriptor) int fd = -1;
	ssize_t length;
	long id = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	line = strstr(text, "\nNSpid:");
	if (line == NULL)
		return 0;
	for (line += strlen("\nNSpid:"); *line != '\n' && *line != '\0'; line = end) {
		id = strtol(line, &end, 10);
		if (end == line)
			break;
	}
	return (pid_t)id;
}

enum rc sandbox_list_threads(pid_t ret_threads[SANDBOX_THREADS_MOST], size_t *ret_count, struct err *err)
{
	DIR *folder = opendir("/proc/self/task");
	enum rc rc = RC_OK;
	size_t count = 0;

	if (folder == NULL)
		return err_set(err, RC_INTERNAL, "cannot list threads: %s", strerror(errno));
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		pid_t thread;

		if (entry->d_name[0] == '.')
			continue;
		thread = read_inner_id(entry->d_name);
		if (thread == 0 || thread == gettid()) // 0: it has just ended
			continue;
		if (count == SANDBOX_THREADS_MOST) {
			rc = err_set(err, RC_LIMIT, "more than %d threads", SANDBOX_THREADS_MOST);
			break;
		}
		ret_threads[count++] = thread;
	}
	(void)closedir(folder);
	if (rc == RC_OK)
		*ret_count = count;
	return rc;
}

// Wait until so many threads have answered.
static enum rc await_answers(size_t asked, struct err *err)
{
	struct deadline deadline = deadline_after_ms(ANSWER_MS);

	for (;;) {
		size_t refused = atomic_load(&broadcast.refused);

		if (refused > 0)
			return err_set(err, RC_DENIED, "%zu threads could not be confined", refused);
		if (atomic_load(&broadcast.confined) >= asked)
			return RC_OK;
		if (deadline_passed(deadline))
			return err_set(err, RC_TIMEOUT, "not all of %zu threads were confined in time", asked);
		clock_sleep_ms(1);
	}
}

enum rc sandbox_confine_threads(const pid_t *threads, size_t count, int ruleset, struct err *err)
{
	struct sigaction action = { .sa_handler = on_confine, .sa_flags = SA_RESTART };
	struct sigaction before;
	size_t asked = 0;
	enum rc rc;

	broadcast.ruleset = ruleset;
	atomic_store(&broadcast.confined, 0);
	atomic_store(&broadcast.refused, 0);
	if (sigaction(CONFINE_SIGNAL, &action, &before) != 0)
		return err_set(err, RC_INTERNAL, "sigaction: %s", strerror(errno));
	// The others first: a confined thread may signal only its own Landlock domain.
	for (size_t i = 0; i < count; i++) {
		if (syscall(SYS_tgkill, getpid(), threads[i], CONFINE_SIGNAL) == 0)
			asked++;
		else if (errno != ESRCH) // ESRCH: it ended meanwhile
			return err_set(err, RC_INTERNAL, "tgkill: %s", strerror(errno));
	}
	rc = await_answers(asked, err);
	if (rc != RC_OK)
		return rc;
	if (!confine_this_thread(ruleset))
		return err_set(err, RC_DENIED, "cannot confine the main thread: %s", strerror(errno));
	(void)sigaction(CONFINE_SIGNAL, &before, NULL);
	return RC_OK;
}
