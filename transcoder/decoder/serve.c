// The decoder's side of the conversation.
#include "transcoder/decoder/serve.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "transcoder/decoder/sandbox.h"
#include "transcoder/decoder/session.h"
#include "transcoder/wire/channel.h"

// The supervisor reads as fast as it can; this only keeps us from waiting for one that has stopped.
#define SEND_MS 60000
#define HEAP_KEPT ((size_t)64 << 20) // bytes between jobs

struct conversation {
	const struct profile *profile;
	int socket;
	uint64_t job_number;
	enum rc rc; // RC_OK until the channel fails
};

static bool send_message(struct conversation *conversation, struct wire_message *message, int fd,
                         struct failure *failure)
{
	struct err err = { 0 };

	message->job = conversation->job_number;
	conversation->rc = channel_send(conversation->socket, message, fd, deadline_after_ms(SEND_MS), &err);
	if (conversation->rc != RC_OK)
		return failure_set(failure, REASON_INTERNAL, "%.150s", err.text);
	return true;
}

static bool send_facts(void *context, const struct wire_facts *facts, struct failure *failure)
{
	struct wire_message message = { .type = WIRE_FACTS, .body.facts = *facts };

	return send_message(context, &message, -1, failure);
}

// The bytes in a memory file that can never change again.
static bool make_sealed_file(const void *bytes, size_t length, int *ret_fd, struct failure *failure)
{
	CLEANUP(close_descriptor) int fd = -1;
	struct err err = { 0 };

	if (file_new_memory("variant", &fd, &err) != RC_OK || file_write_all(fd, bytes, length, &err) != RC_OK ||
	    file_seal(fd, &err) != RC_OK)
		return failure_set(failure, REASON_INTERNAL, "%.150s", err.text);
	*ret_fd = fd;
	fd = -1;
	return true;
}

static bool send_variant(void *context, const struct wire_variant *variant, const void *bytes, struct failure *failure)
{
	struct wire_message message = { .type = WIRE_VARIANT, .body.variant = *variant };
	CLEANUP(close_descriptor) int fd = -1;

	return make_sealed_file(bytes, variant->bytes, &fd, failure) && send_message(context, &message, fd, failure);
}

static uint64_t peak_bytes(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

// The input, mapped; it is sealed, so it cannot shrink under us.
static bool map_input(int fd, const uint8_t **ret_bytes, size_t *ret_length, struct failure *failure)
{
	struct stat status;
	void *bytes;

	if (fstat(fd, &status) != 0)
		return failure_set(failure, REASON_INTERNAL, "no input: %s", strerror(errno));
	if (status.st_size <= 0)
		return failure_set(failure, REASON_EMPTY, "the file is empty");
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return failure_set(failure, REASON_DECODE_MEMORY, "no room for the input: %s", strerror(errno));
	*ret_bytes = bytes;
	*ret_length = (size_t)status.st_size;
	return true;
}

// What a usual photo takes stays for the next job, which would have to fault it in again; what a large picture has left
// goes back.
static void give_memory_back(void)
{
	struct mallinfo2 heap = mallinfo2();

	if (heap.arena + heap.hblkhd > HEAP_KEPT)
		(void)malloc_trim(0);
}

// Run one job and send how it ended.
static void serve_job(struct conversation *conversation, const struct wire_job *job, int input)
{
	const struct sink sink = { .context = conversation, .facts = send_facts, .variant = send_variant };
	struct wire_message answer = { .type = WIRE_DONE };
	struct failure failure = { 0 };
	const uint8_t *bytes = NULL;
	size_t length = 0;
	bool done;

	done = map_input(input, &bytes, &length, &failure) &&
	       session_run(conversation->profile, job, bytes, length, &sink, &answer.body.done, &failure);
	if (bytes != NULL)
		(void)munmap((void *)bytes, length);
	if (conversation->rc != RC_OK)
		return;
	if (done) {
		answer.body.done.peak_bytes = peak_bytes();
	} else {
		answer.type = WIRE_FAILED;
		answer.body.failed.reason = failure.reason;
		memcpy(answer.body.failed.detail, failure.detail, sizeof(answer.body.failed.detail));
	}
	(void)send_message(conversation, &answer, -1, &failure);
	give_memory_back();
}

enum rc serve_jobs(const struct profile *profile, int socket, uint32_t cpu_seconds)
{
	struct conversation conversation = { .profile = profile, .socket = socket };

	for (;;) {
		struct wire_message message;
		CLEANUP(close_descriptor) int input = -1;
		enum rc rc = channel_wait(socket, &message, &input, NULL);

		if (rc != RC_OK)
			return rc;
		if (message.type != WIRE_JOB || input < 0)
			return RC_CORRUPT;
		conversation.job_number = message.job;
		sandbox_limit_job(cpu_seconds);
		serve_job(&conversation, &message.body.order, input);
		if (conversation.rc != RC_OK)
			return conversation.rc;
	}
}
