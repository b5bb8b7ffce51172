// safelight-decoder: turns one hostile picture (or document, by the profile) after the other into variants, inside a
// sandbox, for the transcoder that started it.
//
// usage: safelight-decoder PROFILE UID MEMORY_BYTES FILE_BYTES CPU_SECONDS NAMESPACES
// with the transcoder's socket as descriptor 3; nobody else can use it. It holds no credentials, reads no files and no
// environment: parse, warm up, close the box, serve.
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/profile.h"
#include "transcoder/decoder/sandbox.h"
#include "transcoder/decoder/serve.h"
#include "transcoder/wire/channel.h"

#define SOCKET 3
#define SEND_MS 10000

static bool parse_number(const char *text, uint64_t most, uint64_t *ret_value)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > most)
		return false;
	*ret_value = value;
	return true;
}

static bool parse_arguments(int count, char **arguments, const struct profile **ret_profile,
                            struct sandbox_options *ret_options, uint32_t *ret_cpu_seconds)
{
	uint64_t uid, memory_bytes, file_bytes, cpu_seconds, namespaces;
	const struct profile *profile;

	if (count != 7 || (profile = profile_find(arguments[1])) == NULL)
		return false;
	if (!parse_number(arguments[2], UINT32_MAX - 1, &uid) ||
	    !parse_number(arguments[3], INT64_MAX, &memory_bytes) ||
	    !parse_number(arguments[4], INT64_MAX, &file_bytes) ||
	    !parse_number(arguments[5], UINT32_MAX, &cpu_seconds) || !parse_number(arguments[6], 1, &namespaces))
		return false;
	*ret_options = (struct sandbox_options){ .uid = (uint32_t)uid,
		                                 .memory_bytes = memory_bytes,
		                                 .file_bytes = file_bytes,
		                                 .namespaces = namespaces == 1,
		                                 .readable = profile->readable };
	*ret_profile = profile;
	*ret_cpu_seconds = (uint32_t)cpu_seconds;
	return true;
}

// Tell the supervisor why we never got ready.
static int give_up(enum media_reason reason, const char *detail)
{
	struct wire_message message = { .type = WIRE_FAILED, .body.failed.reason = reason };

	(void)snprintf(message.body.failed.detail, sizeof(message.body.failed.detail), "%s", detail);
	if (channel_send(SOCKET, &message, -1, deadline_after_ms(SEND_MS), NULL) != RC_OK)
		return WIRE_EXIT_UNHEARD;
	return WIRE_EXIT_FAILED;
}

static bool send_ready(const struct sandbox_report *report, int64_t started_us)
{
	struct wire_message message = { .type = WIRE_READY };
	struct wire_ready *ready = &message.body.ready;

	ready->layers = report->layers;
	ready->landlock_abi = report->landlock_abi;
	ready->warm_up_ms = (uint32_t)((clock_monotonic_us() - started_us) / 1000);
	codecs_text(ready->codecs, sizeof(ready->codecs));
	return channel_send(SOCKET, &message, -1, deadline_after_ms(SEND_MS), NULL) == RC_OK;
}

int main(int argument_count, char **arguments)
{
	const struct profile *profile;
	struct sandbox_options options;
	struct sandbox_report report;
	struct failure failure = { 0 };
	struct err err = { 0 };
	uint32_t cpu_seconds;
	int64_t started_us = clock_monotonic_us();

	if (!parse_arguments(argument_count, arguments, &profile, &options, &cpu_seconds)) {
		(void)fputs("safelight-decoder is started by safelight-transcoder only\n", stderr);
		return WIRE_EXIT_FAILED;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); // until sandbox_close sets it again
	if (!codecs_start(profile, &failure) || !codecs_warm_up(profile, &failure))
		return give_up(failure.reason, failure.detail);
	if (sandbox_close(&options, SOCKET, &report, &err) != RC_OK)
		return give_up(REASON_INTERNAL, err.text);
	if (!send_ready(&report, started_us))
		return WIRE_EXIT_FAILED;
	return serve_jobs(profile, SOCKET, cpu_seconds) == RC_UNAVAILABLE ? WIRE_EXIT_DONE : WIRE_EXIT_FAILED;
}
