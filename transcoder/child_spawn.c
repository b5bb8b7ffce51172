// Starting the decoder's process: own namespaces, one descriptor, no environment, a different binary.
//
// The supervisor has threads, so between clone and exec only system calls are made, on data that was prepared before.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transcoder/child_priv.h"

// Not CLONE_NEWUSER when we are root: then the user change is the better wall.
#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define CHILD_SOCKET 3
#define FIRST_FREE_DESCRIPTOR 10 // above all that the child's own descriptors are moved to

// Everything the new process needs, made before it exists.
struct birth {
	const char *path;
	char *arguments[8];
	char uid[24], memory[24], file[24], cpu[24], namespaces[4];
	char uid_map[40], gid_map[40]; // with a user namespace
	unsigned long flags;           // of clone
	int socket;                    // the child's end
	int report;                    // where errno goes when exec fails
	int nice;
};

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written;

	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	(void)close(fd);
	return written;
}

// In a new user namespace we are root, over nothing but what the namespace owns.
static bool map_user(const struct birth *birth)
{
	return write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", birth->uid_map) &&
	       write_text("/proc/self/gid_map", birth->gid_map);
}

static bool arrange_descriptors(const struct birth *birth)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	// Something harmless must sit on 0, 1 and 2, or a library's complaint would end in a variant.
	for (int fd = 0; fd < CHILD_SOCKET; fd++) {
		if (null < 0 || dup3(null, fd, null == fd ? O_CLOEXEC : 0) < 0) {
			if (errno != EINVAL) // EINVAL: it is there already
				return false;
			(void)fcntl(fd, F_SETFD, 0);
		}
	}
	if (dup2(birth->socket, CHILD_SOCKET) < 0)
		return false;
	return close_range(CHILD_SOCKET + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

// The child from clone to exec. Only system calls.
static _Noreturn void become_decoder(const struct birth *birth)
{
	char *const no_environment[] = { NULL };
	int failure;

	reset_signals();
	(void)setpgid(0, 0);
	if (birth->nice > 0)
		(void)setpriority(PRIO_PROCESS, 0, birth->nice);
	// When memory runs out, it shall be the decoder that goes.
	(void)write_text("/proc/self/oom_score_adj", "900");
	if (((birth->flags & CLONE_NEWUSER) == 0 || map_user(birth)) && arrange_descriptors(birth))
		(void)execve(birth->path, birth->arguments, no_environment);
	failure = errno;
	_exit(write(birth->report, &failure, sizeof(failure)) == sizeof(failure) ? 127 : 126);
}

// A fork that can enter namespaces. Not glibc's fork: its handlers and locks belong to threads that the child does not
// have.
static pid_t clone_process(const struct birth *birth)
{
	sigset_t all, before;
	pid_t pid;

	// No handler of ours may run in the child.
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = (pid_t)syscall(SYS_clone, birth->flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		become_decoder(birth);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static void prepare(const struct child_config *config, bool namespaces, int socket, int report, struct birth *ret_birth)
{
	struct birth *birth = ret_birth;
	bool root = geteuid() == 0;

	*birth = (struct birth){ .path = config->decoder, .socket = socket, .report = report, .nice = config->nice };
	if (namespaces)
		birth->flags = root ? NAMESPACES : NAMESPACES | CLONE_NEWUSER;
	(void)snprintf(birth->uid, sizeof(birth->uid), "%u", root ? config->uid : 0);
	(void)snprintf(birth->memory, sizeof(birth->memory), "%llu", (unsigned long long)config->memory_bytes);
	(void)snprintf(birth->file, sizeof(birth->file), "%llu", (unsigned long long)config->max_output_bytes);
	(void)snprintf(birth->cpu, sizeof(birth->cpu), "%u", config->cpu_seconds);
	(void)snprintf(birth->namespaces, sizeof(birth->namespaces), "%d", namespaces ? 1 : 0);
	(void)snprintf(birth->uid_map, sizeof(birth->uid_map), "0 %u 1", geteuid());
	(void)snprintf(birth->gid_map, sizeof(birth->gid_map), "0 %u 1", getegid());
	birth->arguments[0] = (char *)config->decoder;
	birth->arguments[1] = (char *)config->profile;
	birth->arguments[2] = birth->uid;
	birth->arguments[3] = birth->memory;
	birth->arguments[4] = birth->file;
	birth->arguments[5] = birth->cpu;
	birth->arguments[6] = birth->namespaces;
}

// Move a descriptor out of the way of those that the child arranges.
static bool move_up(int *fd)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE_DESCRIPTOR);

	if (moved < 0)
		return false;
	(void)close(*fd);
	*fd = moved;
	return true;
}

// One attempt. Returns 0 or the errno of whatever failed, exec included.
static int attempt(const struct child_config *config, bool namespaces, pid_t *ret_pid, int *ret_socket)
{
	CLEANUP(close_descriptor) int ours = -1;
	CLEANUP(close_descriptor) int theirs = -1;
	CLEANUP(close_descriptor) int report_in = -1;
	CLEANUP(close_descriptor) int report_out = -1;
	struct birth birth;
	int pair[2], failure = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return errno;
	ours = pair[0];
	theirs = pair[1];
	if (pipe2(pair, O_CLOEXEC) != 0)
		return errno;
	report_in = pair[0];
	report_out = pair[1];
	if (!move_up(&theirs) || !move_up(&report_out))
		return errno;
	prepare(config, namespaces, theirs, report_out, &birth);
	pid = clone_process(&birth);
	if (pid < 0)
		return errno;
	close_descriptor(&report_out);
	// End of file: exec has closed the other end.
	if (read(report_in, &failure, sizeof(failure)) == sizeof(failure)) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		return failure;
	}
	*ret_pid = pid;
	*ret_socket = ours;
	ours = -1;
	return 0;
}

static enum rc start_failure(int number, const char *path, struct err *err)
{
	if (number == ENOENT || number == ENOTDIR)
		return err_set(err, RC_NOT_FOUND, "no decoder binary at %s", path);
	if (number == EACCES || number == EPERM || number == ENOEXEC)
		return err_set(err, RC_DENIED, "cannot run the decoder %s: %s", path, strerror(number));
	return err_set(err, RC_UNAVAILABLE, "cannot start a decoder: %s", strerror(number));
}

enum rc child_start_process(const struct child_config *config, pid_t *ret_pid, int *ret_socket, struct err *err)
{
	int failure;

	if (geteuid() == 0 && config->uid == 0)
		return err_set(err, RC_INVALID, "the decoder may not run as root: give it a user id");
	if (config->cpu_seconds == 0 || config->max_output_bytes == 0)
		return err_set(err, RC_INVALID, "a decoder child needs limits");
	failure = attempt(config, true, ret_pid, ret_socket);
	if (failure != 0 && failure != ENOENT) // namespaces may be forbidden or used up; the other layers stand without
		failure = attempt(config, false, ret_pid, ret_socket);
	return failure == 0 ? RC_OK : start_failure(failure, config->decoder, err);
}
