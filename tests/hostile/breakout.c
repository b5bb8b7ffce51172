// A decoder that has been taken over: it closes the same sandbox as the real one, takes a job, and attacks. Started
// like the real one; the job's first step names the attack.
//
// An attack that is survived without being killed answers FAILED with what happened in the detail: "ENOENT", "refused",
// "did it".
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/hostile/breakout.h"
#include "transcoder/decoder/sandbox.h"
#include "transcoder/wire/channel.h"

static void *open_in_thread(void *ready)
{
	int released;

	// Waits from before the sandbox was closed until the attack begins.
	if (read(((int *)ready)[0], &released, sizeof(released)) == sizeof(released))
		(void)breakout_open();
	return NULL;
}

static int thread_pipe[2];
static pthread_t old_thread;

static const char *attack_old_thread(void)
{
	int go = 1;

	if (write(thread_pipe[1], &go, sizeof(go)) != sizeof(go))
		return "no pipe";
	(void)pthread_join(old_thread, NULL);
	return "did it";
}

// ---- against resources ----

static const char *attack_memory(void)
{
	return malloc(4ull << 30) == NULL ? "refused" : "did it";
}

static const char *attack_spin(void)
{
	volatile bool go_on = true;

	while (go_on)
		continue;
	return "did it";
}

static const char *attack_sleep(void)
{
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_sec = 3600 }, NULL);
	return "did it";
}

static const char *attack_large_file(void)
{
	static const char block[1 << 20];
	int fd = memfd_create("large", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	for (int i = 0; i < 10 * 1024; i++) { // 10 GiB
		ssize_t written = write(fd, block, sizeof(block));

		if (written < 0)
			return breakout_errno(written);
	}
	return "did it";
}

static const char *attack_many_files(void)
{
	for (int i = 0; i < 1000; i++) {
		if (memfd_create("one", MFD_CLOEXEC) < 0)
			return breakout_errno(-1);
	}
	return "did it";
}

static const char *attack_crash(void)
{
	volatile int *volatile nowhere = NULL;

	*nowhere = 1;
	return "did it";
}

static const char *attack_exit(void)
{
	_exit(0);
}

static const char *attack_abort(void)
{
	abort();
}

// ---- against the protocol ----

static struct wire_message last_job;

static void send_message(struct wire_message *message, int fd)
{
	message->job = message->job == 0 ? last_job.job : message->job;
	if (channel_send(SOCKET, message, fd, deadline_after_ms(1000), NULL) != RC_OK)
		_exit(0);
}

static void send_facts(uint32_t width, uint32_t height)
{
	struct wire_message message = { .type = WIRE_FACTS };

	message.body.facts = (struct wire_facts){
		.width = width, .height = height, .frames = 1, .pages = 1, .orientation = 1, .source = FORMAT_JPEG
	};
	send_message(&message, -1);
}

// A variant of the second step, which the tests ask for as 100 wide: for facts of 200 x 100 it must be 100 x 50.
static struct wire_message make_variant(const char *name, uint32_t width, uint32_t height, uint64_t bytes)
{
	struct wire_message message = { .type = WIRE_VARIANT };

	message.body.variant =
	        (struct wire_variant){ .format = FORMAT_JPEG, .width = width, .height = height, .bytes = bytes };
	(void)snprintf(message.body.variant.name, sizeof(message.body.variant.name), "%s", name);
	return message;
}

static int make_file(size_t length, bool seal)
{
	static const char bytes[64] = "these are the bytes of a variant";
	int fd = -1;

	if (file_new_memory("variant", &fd, NULL) != RC_OK || file_write_all(fd, bytes, length, NULL) != RC_OK ||
	    (seal && file_seal(fd, NULL) != RC_OK))
		_exit(0);
	return fd;
}

static void send_variant(const char *name, uint32_t width, uint32_t height, uint64_t said, size_t real, bool seal)
{
	struct wire_message message = make_variant(name, width, height, said);

	send_facts(200, 100);
	send_message(&message, make_file(real, seal));
}

static const char *attack_garbage(void)
{
	struct iovec part = { .iov_base = (void *)"garbage", .iov_len = 7 };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };

	return sendmsg(SOCKET, &packet, MSG_NOSIGNAL) == 7 ? NULL : breakout_errno(-1);
}

static const char *attack_facts_twice(void)
{
	send_facts(200, 100);
	send_facts(200, 100);
	return NULL;
}

static const char *attack_large_facts(void)
{
	send_facts(20000, 20000);
	return NULL;
}

// Where a picture was taken, told to a supervisor that was not to know.
static const char *attack_position(void)
{
	struct wire_message message = { .type = WIRE_FACTS };

	message.body.facts = (struct wire_facts){
		.width = 200, .height = 100, .frames = 1, .pages = 1, .orientation = 1, .source = FORMAT_JPEG
	};
	message.body.facts.exif = (struct wire_exif){ .has_position = true, .latitude_e6 = 1, .longitude_e6 = 1 };
	send_message(&message, -1);
	return NULL;
}

static const char *attack_variant_first(void)
{
	struct wire_message message = make_variant("inside", 100, 50, 10);

	send_message(&message, make_file(10, true));
	return NULL;
}

static const char *attack_unasked_variant(void)
{
	send_variant("other", 100, 50, 10, 10, true);
	return NULL;
}

static const char *attack_other_size(void)
{
	send_variant("inside", 100, 51, 10, 10, true);
	return NULL;
}

static const char *attack_wrong_length(void)
{
	send_variant("inside", 100, 50, 20, 10, true);
	return NULL;
}

static const char *attack_unsealed(void)
{
	send_variant("inside", 100, 50, 10, 10, false);
	return NULL;
}

static const char *attack_no_file(void)
{
	struct wire_message message = make_variant("inside", 100, 50, 10);

	send_facts(200, 100);
	send_message(&message, -1);
	return NULL;
}

static const char *attack_socket_as_file(void)
{
	struct wire_message message = make_variant("inside", 100, 50, 10);

	send_facts(200, 100);
	send_message(&message, SOCKET);
	return NULL;
}

static const char *attack_twice(void)
{
	struct wire_message message = make_variant("inside", 100, 50, 10);

	send_facts(200, 100);
	send_message(&message, make_file(10, true));
	send_message(&message, make_file(10, true));
	return NULL;
}

static const char *attack_early_done(void)
{
	struct wire_message message = { .type = WIRE_DONE };

	send_facts(200, 100);
	send_message(&message, -1);
	return NULL;
}

static const char *attack_other_job(void)
{
	struct wire_message message = { .type = WIRE_FAILED, .job = last_job.job + 1 };

	message.body.failed.reason = REASON_DECODE_FAILED;
	send_message(&message, -1);
	return NULL;
}

static const char *attack_other_reason(void)
{
	struct wire_message message = { .type = WIRE_FAILED, .body.failed.reason = REASON_INFECTED };

	send_message(&message, -1);
	return NULL;
}

// A good answer, and then one more behind it: the next job must not take it for its own.
static const char *attack_after_the_end(void)
{
	struct wire_message message = { .type = WIRE_FAILED, .body.failed.reason = REASON_DECODE_FAILED };

	send_message(&message, -1);
	send_message(&message, -1);
	return NULL;
}

static const struct attack attacks[] = {
	{ "old_thread", attack_old_thread },
	{ "memory", attack_memory },
	{ "spin", attack_spin },
	{ "sleep", attack_sleep },
	{ "large_file", attack_large_file },
	{ "many_files", attack_many_files },
	{ "crash", attack_crash },
	{ "exit", attack_exit },
	{ "abort", attack_abort },
	{ "garbage", attack_garbage },
	{ "facts_twice", attack_facts_twice },
	{ "large_facts", attack_large_facts },
	{ "position", attack_position },
	{ "variant_first", attack_variant_first },
	{ "unasked_variant", attack_unasked_variant },
	{ "other_size", attack_other_size },
	{ "wrong_length", attack_wrong_length },
	{ "unsealed", attack_unsealed },
	{ "no_file", attack_no_file },
	{ "socket_as_file", attack_socket_as_file },
	{ "twice", attack_twice },
	{ "early_done", attack_early_done },
	{ "other_job", attack_other_job },
	{ "other_reason", attack_other_reason },
	{ "after_the_end", attack_after_the_end },
};

static const char *run_attack(const char *name)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		if (strcmp(attacks[i].name, name) == 0)
			return attacks[i].run();
	}
	for (size_t i = 0; i < breakout_system_count; i++) {
		if (strcmp(breakout_system[i].name, name) == 0)
			return breakout_system[i].run();
	}
	return "no such attack";
}

static void serve(uint32_t cpu_seconds)
{
	for (;;) {
		struct wire_message answer = { .type = WIRE_FAILED, .body.failed.reason = REASON_DECODE_FAILED };
		const char *text;
		int input = -1;

		if (channel_wait(SOCKET, &last_job, &input, NULL) != RC_OK)
			return;
		(void)close(input);
		sandbox_limit_job(cpu_seconds);
		text = run_attack(last_job.body.order.steps[0].name);
		if (text == NULL)
			continue;
		(void)snprintf(answer.body.failed.detail, sizeof(answer.body.failed.detail), "%s", text);
		send_message(&answer, -1);
	}
}

int main(int argument_count, char **arguments)
{
	struct sandbox_options options = { 0 };
	struct sandbox_report report;
	struct wire_message ready = { .type = WIRE_READY };

	if (argument_count != 7)
		return 1;
	options.uid = (uint32_t)strtoul(arguments[2], NULL, 10);
	options.memory_bytes = strtoull(arguments[3], NULL, 10);
	options.file_bytes = strtoull(arguments[4], NULL, 10);
	options.namespaces = arguments[6][0] == '1';
	if (pipe2(thread_pipe, O_CLOEXEC) != 0 || pthread_create(&old_thread, NULL, open_in_thread, thread_pipe) != 0 ||
	    sandbox_close(&options, SOCKET, &report, NULL) != RC_OK)
		return 1;
	ready.body.ready.layers = report.layers;
	ready.body.ready.landlock_abi = report.landlock_abi;
	if (channel_send(SOCKET, &ready, -1, deadline_after_ms(1000), NULL) != RC_OK)
		return 1;
	serve((uint32_t)strtoul(arguments[5], NULL, 10));
	return 0;
}
