// The supervisor's side of one decoder child: start it, give it jobs, take what it makes, end it.
//
// A child is owned by one thread at a time; different children may be used by different threads. Everything that comes
// from the child is hostile: messages out of phase, names that were not asked for, sizes out of range or memory files
// that are not sealed end the child, and the job with it.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "media/reason.h"
#include "transcoder/wire/wire.h"

struct child;

struct child_config {
	const char *decoder;       // path of the binary
	const char *profile;       // "photo" or "document"
	uint32_t uid;              // user and group id of the child when we run as root; ignored otherwise
	int nice;                  // 0..19
	uint64_t memory_bytes;     // address space (RLIMIT_AS); 0: no limit (sanitizer builds)
	uint64_t max_output_bytes; // largest file (RLIMIT_FSIZE)
	uint32_t cpu_seconds;      // CPU time of one job; at least 1
	bool sandbox_required;     // child_wait_ready fails unless no-new-privileges, seccomp and Landlock hold
};

// Start a child; it warms up by itself, so many can be started before one is waited for. The strings of config are not
// kept. The calling thread must outlive the child: the kernel kills it when the thread that started it ends
// (PDEATHSIG).
//
// RC_NOT_FOUND (no such binary), RC_DENIED, RC_UNAVAILABLE (no process or descriptor to be had), RC_INVALID.
enum rc child_spawn(const struct child_config *config, struct child **ret_child, struct err *err) MUST_CHECK;

// Wait until it is warm and its sandbox closed; returns at once when it is already. RC_TIMEOUT, RC_UNAVAILABLE (it
// died: the text says how), RC_DENIED (a layer that sandbox_required names does not hold), RC_CORRUPT. After an error
// only child_free is of use. A second call returns the same.
enum rc child_wait_ready(struct child *child, struct deadline deadline, struct err *err) MUST_CHECK;

// What READY said. Only after child_wait_ready returned RC_OK; lives as long as the child.
const struct wire_ready *child_ready(const struct child *child);

// Called in the thread of child_run, in the order in which the child sends. Returning other than RC_OK ends the job:
// the child is killed and child_run returns that code.
struct child_events {
	void *context;
	enum rc (*facts)(void *context, const struct wire_facts *facts, struct err *err);
	// fd is a sealed memory file of exactly variant->bytes bytes at offset 0. The callee takes it by setting *fd to
	// -1; otherwise it is closed afterwards.
	enum rc (*variant)(void *context, const struct wire_variant *variant, int *fd, struct err *err);
};

// What became of the picture.
struct child_outcome {
	bool done;                     // every planned output was delivered
	enum media_reason reason;      // when not done: why
	char detail[WIRE_DETAIL_SIZE]; // when not done: one line for people, printable ASCII
	bool usable;                   // the child lives and can take another job
	bool sandbox_killed;           // it died of a forbidden system call: worth an alarm
	bool misbehaved;               // it broke the protocol and was killed: worth an alarm
	struct wire_done times;        // when done
	uint64_t cpu_us;               // CPU time of the child during the job; 0 when it could not be read
};

// Give it one job and wait for the end. job_number is any number that differs from the child's last. input_fd is a
// sealed memory file (file_seal of base/file.h), stays the caller's. Blocks until the deadline at most (then the child
// is killed and the outcome's reason is REASON_DECODE_TIMEOUT). RC_OK: the picture's fate is in ret_outcome, failure
// included. Otherwise nothing is known about the picture: RC_INVALID (job or input is wrong, a bug), RC_UNAVAILABLE
// (the child was dead before it took the job), RC_TIMEOUT (it did not take the job and was killed), or what a callback
// returned.
enum rc child_run(struct child *child, uint64_t job_number, const struct wire_job *job, int input_fd,
                  struct deadline deadline, const struct child_events *events, struct child_outcome *ret_outcome,
                  struct err *err) MUST_CHECK;

// The owner whose bytes it has held (isolation = owner): empty until the first child_set_owner. owner is cut at 63
// bytes.
void child_set_owner(struct child *child, const char *owner);
const char *child_owner(const struct child *child);

unsigned child_job_count(const struct child *child);      // jobs begun
pid_t child_pid(const struct child *child);               // for metrics and tests; 0 when it has been reaped
uint64_t child_resident_bytes(const struct child *child); // now, from /proc; 0 when unknown
bool child_is_alive(struct child *child);                 // reaps it when it has died

// SIGKILL, and wait for the end (it comes at once: nothing in the kernel can hold a killed child of ours). Accepts a
// dead one.
void child_kill(struct child *child);

// child_kill, then free. Accepts NULL.
void child_free(struct child *child);
