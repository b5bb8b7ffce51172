// Closing the box: the order of the layers, resource limits and identity.
#include "transcoder/decoder/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "transcoder/decoder/sandbox_priv.h"
#include "transcoder/wire/wire.h"

// Standard streams, socket, input, one output, and a few for a library's surprise.
#define DESCRIPTORS_MOST 16

// CPU time of the whole process. A child is replaced long before, and this cannot be raised again from inside.
#define CPU_LIFE_SECONDS 3600

// A sanitizer keeps terabytes of address space for its shadow; builds with one are for tests only.
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_CAN_BE_LIMITED false
#else
#define MEMORY_CAN_BE_LIMITED true
#endif

static bool limit(__rlimit_resource_t resource, uint64_t value)
{
	struct rlimit pair = { .rlim_cur = value, .rlim_max = value };

	return setrlimit(resource, &pair) == 0;
}

static void on_cpu_limit(int number)
{
	(void)number;
	_exit(WIRE_EXIT_CPU);
}

// The limits' signals need handlers, because the first process of a namespace does not die of a signal's default.
static bool watch_cpu(void)
{
	struct sigaction action = { .sa_handler = on_cpu_limit };

	return sigaction(SIGXCPU, &action, NULL) == 0 && sigaction(SIGPROF, &action, NULL) == 0;
}

void sandbox_limit_job(uint32_t cpu_seconds)
{
	struct itimerval timer = { .it_value.tv_sec = cpu_seconds };

	(void)setitimer(ITIMER_PROF, &timer, NULL); // cannot fail with a good address and whole seconds
}

// Processes are not limited: RLIMIT_NPROC counts a user's processes all over the machine, and the allow-list knows no
// fork; threads are bounded by the address space that their stacks need.
static bool limit_resources(const struct sandbox_options *options)
{
	bool memory = options->memory_bytes == 0 || !MEMORY_CAN_BE_LIMITED || limit(RLIMIT_AS, options->memory_bytes);

	return watch_cpu() && limit(RLIMIT_CPU, CPU_LIFE_SECONDS) && limit(RLIMIT_FSIZE, options->file_bytes) &&
	       limit(RLIMIT_NOFILE, DESCRIPTORS_MOST) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_MEMLOCK, 0) &&
	       limit(RLIMIT_MSGQUEUE, 0) && memory;
}

// Give up root for good, and prove it.
static enum rc become_nobody(uint32_t uid, struct err *err)
{
	uid_t real, effective, saved;

	if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
		return err_set(err, RC_DENIED, "cannot become user %u: %s", uid, strerror(errno));
	if (getresuid(&real, &effective, &saved) != 0 || real != uid || effective != uid || saved != uid ||
	    setresuid(0, 0, 0) == 0)
		return err_set(err, RC_DENIED, "still root after becoming user %u", uid);
	return RC_OK;
}

// Where files may be opened, something besides the allow-list must say which: Landlock or the root.
static bool bound_reading(const char *const *readable, int ruleset, uint32_t layers)
{
	if (ruleset >= 0)
		return sandbox_allow_reading(ruleset, readable);
	return (layers & WIRE_LAYER_EMPTY_ROOT) != 0;
}

enum rc sandbox_close(const struct sandbox_options *options, int socket, struct sandbox_report *ret_report,
                      struct err *err)
{
	struct sandbox_report report = { 0 };
	pid_t threads[SANDBOX_THREADS_MOST];
	uint32_t landlock_layers = 0;
	size_t thread_count = 0;
	int ruleset;
	enum rc rc;

	rc = sandbox_list_threads(threads, &thread_count, err);
	if (rc != RC_OK)
		return rc;
	if (limit_resources(options))
		report.layers |= WIRE_LAYER_LIMITS;
	if (options->namespaces) {
		report.layers |= WIRE_LAYER_NAMESPACES;
		if (sandbox_empty_root(options->readable))
			report.layers |= WIRE_LAYER_EMPTY_ROOT;
	}
	if (options->uid != 0) {
		rc = become_nobody(options->uid, err);
		if (rc != RC_OK)
			return rc;
		report.layers |= WIRE_LAYER_UID;
	}
	// After the change of user, which resets both.
	if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return err_set(err, RC_INTERNAL, "prctl: %s", strerror(errno));

	ruleset = sandbox_new_ruleset(&report.landlock_abi, &landlock_layers);
	if (options->readable != NULL && !bound_reading(options->readable, ruleset, report.layers))
		return err_set(err, RC_DENIED, "nothing here bounds which files can be read");
	rc = sandbox_confine_threads(threads, thread_count, ruleset, err);
	if (ruleset >= 0)
		(void)close(ruleset);
	if (rc != RC_OK)
		return rc;
	report.layers |= WIRE_LAYER_NO_NEW_PRIVILEGES | landlock_layers;
	if (sandbox_allow_calls(socket, options->readable != NULL))
		report.layers |= WIRE_LAYER_SECCOMP | WIRE_LAYER_NO_NEW_CODE;
	*ret_report = report;
	return RC_OK;
}
