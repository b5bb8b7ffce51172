// Attacks on the system, most of which meet the allow-list.
#include "tests/hostile/breakout.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *breakout_errno(long result)
{
	return result >= 0 ? "did it" : strerrorname_np(errno);
}

const char *breakout_open(void)
{
	return breakout_errno(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static const char *attack_socket(void)
{
	return breakout_errno(socket(AF_INET, SOCK_STREAM, 0));
}

static const char *attack_exec(void)
{
	char *arguments[] = { (char *)"/bin/true", NULL };

	return breakout_errno(execve(arguments[0], arguments, NULL));
}

static const char *attack_fork(void)
{
	return breakout_errno(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static const char *attack_kill(void)
{
	return breakout_errno(kill(getppid(), SIGKILL));
}

static const char *attack_ptrace(void)
{
	return breakout_errno(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static const char *attack_new_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
	               ? "refused"
	               : "did it";
}

static const char *attack_change_code(void)
{
	return breakout_errno(
	        mprotect((void *)((uintptr_t)attack_change_code & ~4095ul), 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
}

static const char *attack_io_uring(void)
{
	return breakout_errno(syscall(SYS_io_uring_setup, 8, NULL));
}

// getpid by the 32-bit ABI's gate.
static const char *attack_other_abi(void)
{
	long result = 20;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "cc");
	return result > 0 ? "did it" : "refused";
}

static const char *attack_raise_limit(void)
{
	unsigned long long unlimited[2] = { ~0ull, ~0ull };

	return breakout_errno(syscall(SYS_prlimit64, 0, 9, unlimited, NULL));
}

// Calls that no layer but the allow-list has to do with.
static const char *attack_unshare(void)
{
	return breakout_errno(syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */));
}

static const char *attack_mount(void)
{
	return breakout_errno(syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL));
}

static const char *attack_setuid(void)
{
	return breakout_errno(syscall(SYS_setuid, 0));
}

static const char *attack_bpf(void)
{
	return breakout_errno(syscall(SYS_bpf, 0, NULL, 0));
}

static const char *attack_userfaultfd(void)
{
	return breakout_errno(syscall(SYS_userfaultfd, 0));
}

static const char *attack_keyctl(void)
{
	return breakout_errno(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static const char *attack_read_supervisor(void)
{
	return breakout_errno(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static const char *attack_ioctl(void)
{
	return breakout_errno(syscall(SYS_ioctl, SOCKET, 0x8927 /* SIOCGIFHWADDR */, NULL));
}

// A program in a memory file, run without a path.
static const char *attack_exec_memory(void)
{
	return breakout_errno(
	        syscall(SYS_execveat, memfd_create("program", 0), "", NULL, NULL, 0x1000 /* AT_EMPTY_PATH */));
}

// Code in a memory file, mapped to be run.
static const char *attack_map_code(void)
{
	int fd = memfd_create("code", 0);

	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? "refused" : "did it";
}

static const char *attack_other_socket(void)
{
	struct msghdr packet = { 0 };

	return breakout_errno(sendmsg(2, &packet, MSG_NOSIGNAL));
}

const struct attack breakout_system[] = {
	{ "open", breakout_open },
	{ "socket", attack_socket },
	{ "exec", attack_exec },
	{ "fork", attack_fork },
	{ "kill", attack_kill },
	{ "ptrace", attack_ptrace },
	{ "new_code", attack_new_code },
	{ "change_code", attack_change_code },
	{ "io_uring", attack_io_uring },
	{ "raise_limit", attack_raise_limit },
	{ "unshare", attack_unshare },
	{ "mount", attack_mount },
	{ "setuid", attack_setuid },
	{ "bpf", attack_bpf },
	{ "userfaultfd", attack_userfaultfd },
	{ "keyctl", attack_keyctl },
	{ "read_supervisor", attack_read_supervisor },
	{ "ioctl", attack_ioctl },
	{ "exec_memory", attack_exec_memory },
	{ "map_code", attack_map_code },
	{ "other_socket", attack_other_socket },
	{ "other_abi", attack_other_abi },
};
const size_t breakout_system_count = sizeof(breakout_system) / sizeof(breakout_system[0]);
