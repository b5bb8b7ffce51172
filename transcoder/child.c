// The life of a decoder child: start, readiness, end.
#include "transcoder/child.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transcoder/child_priv.h"
#include "transcoder/wire/channel.h"

// Without these no untrusted byte is decoded when the configuration says so.
#define REQUIRED_LAYERS (WIRE_LAYER_NO_NEW_PRIVILEGES | WIRE_LAYER_SECCOMP | WIRE_LAYER_LANDLOCK)

enum rc child_spawn(const struct child_config *config, struct child **ret_child, struct err *err)
{
	struct child *child = calloc(1, sizeof(*child));
	enum rc rc;

	if (child == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a decoder child");
	child->sandbox_required = config->sandbox_required;
	rc = child_start_process(config, &child->pid, &child->socket, err);
	if (rc != RC_OK) {
		free(child);
		return rc;
	}
	*ret_child = child;
	return RC_OK;
}

// Take note of the end of the process if it has come; wait for it when block.
static void reap(struct child *child, bool block)
{
	pid_t pid;

	if (child->pid == 0)
		return;
	do
		pid = wait4(child->pid, &child->status, block ? 0 : WNOHANG, &child->usage);
	while (pid < 0 && errno == EINTR);
	if (pid != 0) // ended, or (ECHILD) somebody else has reaped it
		child->pid = 0;
}

bool child_is_alive(struct child *child)
{
	reap(child, false);
	return child->pid != 0;
}

void child_kill(struct child *child)
{
	if (child->pid == 0)
		return;
	(void)kill(child->pid, SIGKILL);
	reap(child, true);
}

void child_free(struct child *child)
{
	if (child == NULL)
		return;
	child_kill(child);
	(void)close(child->socket);
	free(child);
}

void child_describe_end(const struct child *child, char *ret_text, size_t size)
{
	if (WIFSIGNALED(child->status))
		(void)snprintf(ret_text, size, "killed by signal %d (%s)", WTERMSIG(child->status),
		               strsignal(WTERMSIG(child->status)));
	else
		(void)snprintf(ret_text, size, "ended with status %d", WEXITSTATUS(child->status));
}

// ---- readiness ----

static enum rc check_layers(const struct child *child, struct err *err)
{
	uint32_t missing = REQUIRED_LAYERS & ~child->ready.layers;
	char names[128];

	if (!child->sandbox_required || missing == 0)
		return RC_OK;
	wire_layers_text(missing, names, sizeof(names));
	return err_set(err, RC_DENIED, "the decoder's sandbox lacks: %s", names);
}

static enum rc receive_ready(struct child *child, struct deadline deadline, struct err *err)
{
	struct wire_message message;
	CLEANUP(close_descriptor) int fd = -1;
	char text[128];
	enum rc rc = channel_receive(child->socket, deadline, &message, &fd, err);

	if (rc == RC_UNAVAILABLE) {
		child_kill(child);
		child_describe_end(child, text, sizeof(text));
		return err_set(err, RC_UNAVAILABLE, "the decoder died in its warm-up: %s", text);
	}
	if (rc != RC_OK)
		return rc;
	if (message.type == WIRE_FAILED)
		return err_set(err, RC_UNAVAILABLE, "the decoder did not start: %s", message.body.failed.detail);
	if (message.type != WIRE_READY || fd >= 0 || message.job != 0)
		return err_set(err, RC_CORRUPT, "the decoder's first message is not that it is ready");
	child->ready = message.body.ready;
	return check_layers(child, err);
}

enum rc child_wait_ready(struct child *child, struct deadline deadline, struct err *err)
{
	enum rc rc;

	if (!child->started) {
		rc = receive_ready(child, deadline, &child->start_err);
		child->start_rc = rc;
		child->started = true;
		if (rc != RC_OK)
			child_kill(child);
	}
	if (child->start_rc != RC_OK)
		return err_set(err, child->start_rc, "%s", child->start_err.text);
	return RC_OK;
}

const struct wire_ready *child_ready(const struct child *child)
{
	assert(child->started && child->start_rc == RC_OK);
	return &child->ready;
}

// ---- what is known about it ----

void child_set_owner(struct child *child, const char *owner)
{
	(void)snprintf(child->owner, sizeof(child->owner), "%s", owner);
}

const char *child_owner(const struct child *child)
{
	return child->owner;
}

unsigned child_job_count(const struct child *child)
{
	return child->job_count;
}

pid_t child_pid(const struct child *child)
{
	return child->pid;
}

uint64_t child_resident_bytes(const struct child *child)
{
	CLEANUP(close_stream) FILE *stream = NULL;
	unsigned long long total, resident;
	char path[64];

	if (child->pid == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)child->pid);
	stream = fopen(path, "re");
	if (stream == NULL || fscanf(stream, "%llu %llu", &total, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t child_cpu_us(const struct child *child)
{
	struct timespec used;
	clockid_t clock;

	if (child->pid == 0 || clock_getcpuclockid(child->pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0;
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static uint64_t to_us(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

uint64_t child_final_cpu_us(const struct child *child)
{
	return to_us(child->usage.ru_utime) + to_us(child->usage.ru_stime);
}
