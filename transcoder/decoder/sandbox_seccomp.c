// The system calls that decoding needs, and no other: anything else kills the process at once (SIGSYS).
//
// Derived from strace over a corpus of every codec and of hostile files, and frozen by tests/integration/
// test_decoder_calls.c: nothing on it is unused without a reason, and nothing beyond it is needed.
#include "transcoder/decoder/sandbox_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

// What glibc's pthread_create asks of clone: a thread of this process and nothing else.
#define THREAD_FLAGS                                                                                       \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | \
	 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

// Harmless with any arguments. What no test's corpus uses has its reason in test_decoder_calls.c.
static const int free_calls[] = {
	// memory
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	// what is already open, and memory files
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(close),
	SCMP_SYS(memfd_create),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	// threads
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),

	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	// signals to ourselves, time, chance
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(sysinfo),
};

// In the document profile, which opens fonts as it meets them: where, is for the root and Landlock to say.
static const int file_calls[] = {
	SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(newfstatat), // by path: of the same
	SCMP_SYS(getdents64), // poppler lists its encodings for each document
};

// openat for anything but reading.
#define NOT_READING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))

// Call where one argument must be as said.
struct narrow_call {
	int number;
	struct scmp_arg_cmp condition;
};

#define NARROW_CALLS_MOST 16

static size_t fill_narrow_calls(int socket, struct narrow_call ret_calls[NARROW_CALLS_MOST])
{
	const struct narrow_call calls[] = {
		// No executable memory beyond the program and its libraries, none of which is writable.
		{ SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ SCMP_SYS(sendmsg), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket) },
		{ SCMP_SYS(recvmsg), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket) },
		{ SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS) },
		{ SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GET_SEALS) },
		{ SCMP_SYS(clone), SCMP_A0(SCMP_CMP_EQ, THREAD_FLAGS) },
		{ SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()) }, // abort()
		{ SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME) },
		{ SCMP_SYS(setitimer), SCMP_A0(SCMP_CMP_EQ, ITIMER_PROF) },
		{ SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0) }, // read only
		// fstat of newer glibc. The path must be empty for it to mean the descriptor; others lead into an empty
		// root.
		{ SCMP_SYS(newfstatat), SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH) },
	};

	static_assert(sizeof(calls) / sizeof(calls[0]) <= NARROW_CALLS_MOST, "the list fits");
	memcpy(ret_calls, calls, sizeof(calls));
	return sizeof(calls) / sizeof(calls[0]);
}

static bool allow_narrow(scmp_filter_ctx filter, int socket)
{
	struct narrow_call calls[NARROW_CALLS_MOST];
	size_t count = fill_narrow_calls(socket, calls);

	for (size_t i = 0; i < count; i++) {
		if (seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[i].number, 1, &calls[i].condition) != 0)
			return false;
	}
	return true;
}

// Reading alone; without the folders of the profile there is nothing to open.
static bool allow_files(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < LENGTH_OF(file_calls); i++) {
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, file_calls[i], 0) != 0)
			return false;
	}
	// (FreeType marks what it has opened as closed on exec.)
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
	                        SCMP_A2(SCMP_CMP_MASKED_EQ, NOT_READING, O_RDONLY)) == 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_SETFD)) == 0;
}

static bool fill_filter(scmp_filter_ctx filter, int socket, bool opens_files)
{
	// For all threads, and calls by another ABI (32 bits) die like forbidden ones.
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) != 0 ||
	    seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0)
		return false;
	for (size_t i = 0; i < LENGTH_OF(free_calls); i++) {
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, free_calls[i], 0) != 0)
			return false;
	}
	// clone3 hides its flags behind a pointer; glibc falls back to clone, whose flags can be seen.
	if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) != 0)
		return false;
	return (!opens_files || allow_files(filter)) && allow_narrow(filter, socket);
}

bool sandbox_allow_calls(int socket, bool opens_files)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool loaded;

	if (filter == NULL)
		return false;
	loaded = fill_filter(filter, socket, opens_files) && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return loaded;
}

static bool has_number(const int *numbers, size_t count, int number)
{
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

static void add_number(int *numbers, size_t *count, int number)
{
	assert(*count < SANDBOX_CALLS_MOST);
	if (!has_number(numbers, *count, number))
		numbers[(*count)++] = number;
}

size_t sandbox_list_calls(bool opens_files, int ret_numbers[SANDBOX_CALLS_MOST])
{
	struct narrow_call narrow[NARROW_CALLS_MOST];
	size_t narrow_count = fill_narrow_calls(0, narrow), count = 0;

	for (size_t i = 0; i < LENGTH_OF(free_calls); i++)
		add_number(ret_numbers, &count, free_calls[i]);
	for (size_t i = 0; i < narrow_count; i++)
		add_number(ret_numbers, &count, narrow[i].number);
	for (size_t i = 0; opens_files && i < LENGTH_OF(file_calls); i++)
		add_number(ret_numbers, &count, file_calls[i]);
	if (opens_files)
		add_number(ret_numbers, &count, SCMP_SYS(openat));
	return count;
}
