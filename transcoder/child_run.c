// One job of a decoder child, with every message of the child taken as hostile.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transcoder/child_priv.h"
#include "transcoder/wire/channel.h"

#define UNCHANGEABLE (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

// How far the job is; a message is right or wrong by it.
enum phase {
	PHASE_TAKEN = 1 << 0, // the child has the job
	PHASE_SHOWN = 1 << 1, // it has told the facts
	PHASE_OVER = 1 << 2,
};

struct run {
	struct child *child;
	const struct wire_job *job;
	uint64_t job_number;
	const struct child_events *events;
	struct child_outcome *outcome;
	enum phase phase;
	struct wire_planned plan[WIRE_STEPS]; // once shown
	size_t plan_count;
	bool delivered[WIRE_STEPS][WIRE_ENCODINGS];
	bool callback_failed; // the code that ended the conversation is the callback's, whatever it is
};

// A handler's verdict besides RC_OK: RC_CORRUPT, the child broke the rules; or what a callback returned.
typedef enum rc message_handler(struct run *run, const struct wire_message *message, int *fd, struct err *err);

static enum rc from_callback(struct run *run, enum rc rc)
{
	run->callback_failed = rc != RC_OK;
	return rc;
}

static enum rc on_facts(struct run *run, const struct wire_message *message, int *fd, struct err *err)
{
	const struct wire_facts *facts = &message->body.facts;
	const struct wire_limits *limits = &run->job->limits;

	(void)fd;
	if ((uint64_t)facts->width * facts->height > limits->max_pixels || facts->width > limits->max_side ||
	    facts->height > limits->max_side || facts->frames > limits->max_frames || facts->pages > limits->max_pages)
		return err_set(err, RC_CORRUPT, "facts beyond the job's limits");
	if (facts->exif.has_position && !run->job->keep_position)
		return err_set(err, RC_CORRUPT, "a position that was not asked for");
	run->plan_count = wire_plan(run->job, facts->width, facts->height, run->plan);
	run->phase = PHASE_SHOWN;
	return from_callback(run, run->events->facts(run->events->context, facts, err));
}

static size_t find_planned(const struct run *run, const char *name)
{
	size_t index = 0;

	while (index < run->plan_count && strcmp(run->plan[index].step->name, name) != 0)
		index++;
	return index;
}

static size_t find_encoding(const struct run *run, enum media_format format)
{
	size_t index = 0;

	while (index < run->job->encoding_count && run->job->encodings[index].format != format)
		index++;
	return index;
}

// The memory file must be what the message says, and stay so while we read it.
static enum rc check_file(const struct run *run, const struct wire_variant *variant, int fd, struct err *err)
{
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & UNCHANGEABLE) != UNCHANGEABLE)
		return err_set(err, RC_CORRUPT, "a variant's memory file is not sealed");
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < 0 ||
	    (uint64_t)status.st_size != variant->bytes)
		return err_set(err, RC_CORRUPT, "a variant's memory file has another size than said");
	if (variant->bytes == 0 || variant->bytes > run->job->limits.max_output_bytes)
		return err_set(err, RC_CORRUPT, "a variant of %llu bytes", (unsigned long long)variant->bytes);
	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_set(err, RC_CORRUPT, "a variant's memory file cannot be read from its beginning");
	return RC_OK;
}

static enum rc on_variant(struct run *run, const struct wire_message *message, int *fd, struct err *err)
{
	const struct wire_variant *variant = &message->body.variant;
	size_t step = find_planned(run, variant->name), encoding = find_encoding(run, variant->format);
	enum rc rc;

	if (step == run->plan_count || encoding == run->job->encoding_count)
		return err_set(err, RC_CORRUPT, "a variant that was not asked for: %s", variant->name);
	if (run->delivered[step][encoding])
		return err_set(err, RC_CORRUPT, "a variant delivered twice: %s", variant->name);
	if (variant->width != run->plan[step].size.width || variant->height != run->plan[step].size.height)
		return err_set(err, RC_CORRUPT, "variant %s has a size of its own choice", variant->name);
	rc = check_file(run, variant, *fd, err);
	if (rc != RC_OK)
		return rc;
	run->delivered[step][encoding] = true;
	return from_callback(run, run->events->variant(run->events->context, variant, fd, err));
}

static enum rc on_done(struct run *run, const struct wire_message *message, int *fd, struct err *err)
{
	(void)fd;
	for (size_t step = 0; step < run->plan_count; step++) {
		for (size_t encoding = 0; encoding < run->job->encoding_count; encoding++) {
			if (!run->delivered[step][encoding])
				return err_set(err, RC_CORRUPT, "done without variant %s", run->plan[step].step->name);
		}
	}
	run->outcome->done = true;
	run->outcome->times = message->body.done;
	run->outcome->usable = true;
	run->phase = PHASE_OVER;
	return RC_OK;
}

// What a decoder can know. Others are the supervisor's to say: a hostile child must not pass for infected, missing or
// killed.
static bool is_decoders_reason(enum media_reason reason)
{
	switch (reason) {
	case REASON_EMPTY:
	case REASON_UNSUPPORTED_TYPE:
	case REASON_TOO_MANY_PIXELS:
	case REASON_TOO_LARGE_SIDE:
	case REASON_TOO_MANY_FRAMES:
	case REASON_TOO_MANY_PAGES:
	case REASON_TRUNCATED:
	case REASON_PASSWORD:
	case REASON_DECODE_FAILED:
	case REASON_DECODE_MEMORY:
	case REASON_OUTPUT_TOO_LARGE:
	case REASON_INTERNAL:
		return true;
	default:
		return false;
	}
}

static void set_outcome(struct child_outcome *outcome, enum media_reason reason, const char *detail)
{
	outcome->done = false;
	outcome->reason = reason;
	(void)snprintf(outcome->detail, sizeof(outcome->detail), "%.*s", WIRE_DETAIL_SIZE - 1, detail);
}

static enum rc on_failed(struct run *run, const struct wire_message *message, int *fd, struct err *err)
{
	const struct wire_failed *failed = &message->body.failed;

	(void)fd;
	if (!is_decoders_reason(failed->reason))
		return err_set(err, RC_CORRUPT, "a reason that is not the decoder's to give: %s",
		               media_reason_name(failed->reason));
	set_outcome(run->outcome, failed->reason, failed->detail);
	run->outcome->usable = true;
	run->phase = PHASE_OVER;
	return RC_OK;
}

// What may come when, and with or without a descriptor.
static const struct rule {
	enum wire_type type;
	unsigned phases;
	bool has_file;
	message_handler *handle;
} rules[] = {
	{ WIRE_FACTS, PHASE_TAKEN, false, on_facts },
	{ WIRE_VARIANT, PHASE_SHOWN, true, on_variant },
	{ WIRE_DONE, PHASE_SHOWN, false, on_done },
	{ WIRE_FAILED, PHASE_TAKEN | PHASE_SHOWN, false, on_failed },
};

static enum rc handle_message(struct run *run, const struct wire_message *message, int *fd, struct err *err)
{
	if (message->job != run->job_number)
		return err_set(err, RC_CORRUPT, "a message of another job");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];

		if (rule->type != message->type)
			continue;
		if ((rule->phases & (unsigned)run->phase) == 0 || rule->has_file != (*fd >= 0))
			break;
		return rule->handle(run, message, fd, err);
	}
	return err_set(err, RC_CORRUPT, "a message of type %d out of turn", (int)message->type);
}

// ---- ends ----

// The rule for a death that we did not cause.
static enum media_reason reason_of_death(int status)
{
	if (WIFEXITED(status)) {
		if (WEXITSTATUS(status) == WIRE_EXIT_CPU)
			return REASON_DECODE_TIMEOUT;
		return WEXITSTATUS(status) == WIRE_EXIT_MEMORY ? REASON_DECODE_MEMORY : REASON_CRASHED;
	}
	switch (WTERMSIG(status)) {
	case SIGSYS:
		return REASON_SANDBOX;
	case SIGXCPU:
		return REASON_DECODE_TIMEOUT;
	case SIGXFSZ:
		return REASON_OUTPUT_TOO_LARGE;
	default: // SIGKILL too (the machine is out of memory, or a person): it says nothing about the picture, so it is
	         // tried again
		return REASON_CRASHED;
	}
}

// The channel is closed: the child is dead or as good as that.
static void end_by_death(struct run *run)
{
	char text[128];

	child_kill(run->child);
	child_describe_end(run->child, text, sizeof(text));
	set_outcome(run->outcome, reason_of_death(run->child->status), text);
	run->outcome->sandbox_killed = run->outcome->reason == REASON_SANDBOX;
}

// Turn what ended the conversation early into the outcome. Returns what child_run returns.
static enum rc end_early(struct run *run, enum rc rc, const struct err *cause, struct err *err)
{
	if (!run->callback_failed && rc == RC_UNAVAILABLE) {
		end_by_death(run);
		return RC_OK;
	}
	child_kill(run->child);
	if (!run->callback_failed && rc == RC_TIMEOUT) {
		set_outcome(run->outcome, REASON_DECODE_TIMEOUT, "the decoder did not finish in time and was killed");
		return RC_OK;
	}
	if (!run->callback_failed && rc == RC_CORRUPT) {
		set_outcome(run->outcome, REASON_CRASHED, cause->text);
		run->outcome->misbehaved = true;
		return RC_OK;
	}
	return err_set(err, rc, "%s", cause->text);
}

static enum rc converse(struct run *run, struct deadline deadline, struct err *err)
{
	while (run->phase != PHASE_OVER) {
		struct wire_message message;
		CLEANUP(close_descriptor) int fd = -1;
		enum rc rc = channel_receive(run->child->socket, deadline, &message, &fd, err);

		if (rc == RC_OK)
			rc = handle_message(run, &message, &fd, err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

// ---- begin ----

static enum rc check_order(const struct wire_message *message, int input_fd, struct err *err)
{
	uint8_t bytes[WIRE_PACKET_BYTES];
	struct wire_message copy;
	int seals = fcntl(input_fd, F_GET_SEALS);

	if (message->body.order.step_count > WIRE_STEPS || message->body.order.encoding_count > WIRE_ENCODINGS ||
	    wire_decode(bytes, wire_encode(message, bytes), &copy, NULL) != RC_OK)
		return err_set(err, RC_INVALID, "not a job that a decoder takes");
	if (seals < 0 || (seals & UNCHANGEABLE) != UNCHANGEABLE)
		return err_set(err, RC_INVALID, "the input is not a sealed memory file");
	return RC_OK;
}

// Nothing may have come since the last job ended.
static bool is_silent(const struct child *child)
{
	struct pollfd waiting = { .fd = child->socket, .events = POLLIN };

	return poll(&waiting, 1, 0) == 0;
}

static enum rc begin_job(struct run *run, int input_fd, struct deadline deadline, struct err *err)
{
	struct wire_message message = { .type = WIRE_JOB, .job = run->job_number, .body.order = *run->job };
	struct child *child = run->child;
	enum rc rc = check_order(&message, input_fd, err);

	if (rc != RC_OK)
		return rc;
	if (!child_is_alive(child) || !is_silent(child)) {
		child_kill(child);
		return err_set(err, RC_UNAVAILABLE, "the decoder child died or spoke out of turn between jobs");
	}
	rc = channel_send(child->socket, &message, input_fd, deadline, err);
	if (rc != RC_OK) {
		child_kill(child);
		return rc;
	}
	child->job_count++;
	return RC_OK;
}

enum rc child_run(struct child *child, uint64_t job_number, const struct wire_job *job, int input_fd,
                  struct deadline deadline, const struct child_events *events, struct child_outcome *ret_outcome,
                  struct err *err)
{
	struct child_outcome outcome = { 0 };
	struct run run = {
		.child = child,
		.job = job,
		.job_number = job_number,
		.events = events,
		.outcome = &outcome,
		.phase = PHASE_TAKEN,
	};
	struct err cause = { 0 };
	uint64_t cpu_before;
	enum rc rc;

	if (!child->started || child->start_rc != RC_OK)
		return err_set(err, RC_INVALID, "the decoder child is not ready");
	cpu_before = child_cpu_us(child);
	rc = begin_job(&run, input_fd, deadline, err);
	if (rc != RC_OK)
		return rc;
	rc = converse(&run, deadline, &cause);
	if (rc != RC_OK)
		rc = end_early(&run, rc, &cause, err);
	if (rc != RC_OK)
		return rc;
	outcome.cpu_us = (child->pid != 0 ? child_cpu_us(child) : child_final_cpu_us(child)) - cpu_before;
	*ret_outcome = outcome;
	return RC_OK;
}
