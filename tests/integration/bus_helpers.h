// What the tests of lib/bus share: checking result codes with their texts, opening the configured bus, publishing.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/settings.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "bus/message.h"
#include "bus/publish.h"
#include "bus/puller.h"
#include "bus/streams.h"
#include "tests/unit/cmocka_all.h"

// Calls an expression that uses `err` and fails with its text when the code is another one.
#define assert_rc(call, wanted)                                                                          \
	do {                                                                                             \
		err = (struct err){ 0 };                                                                 \
		enum rc got = (call);                                                                    \
		if (got != (wanted))                                                                     \
			fail_msg("%s: %s (%s), not %s", #call, rc_name(got), err.text, rc_name(wanted)); \
	} while (0)

// Connects as SAFELIGHT_CONFIG says and puts the streams in place; NULL after printing why not.
static inline struct bus *open_configured_bus(const char *name, struct metrics *metrics)
{
	struct err err = { 0 };
	struct settings *settings = NULL;
	struct bus *bus = NULL;
	enum rc rc = settings_load(getenv("SAFELIGHT_CONFIG"), &settings, &err);
	if (rc == RC_OK) {
		struct bus_options options = { .servers = settings->bus_url,
			                       .token = settings->bus_token,
			                       .name = name,
			                       .timeout_ms = settings->bus_timeout_ms,
			                       .metrics = metrics };
		rc = bus_open(&options, &bus, &err);
	}
	if (rc == RC_OK)
		rc = bus_ensure_streams(bus, (unsigned)settings->bus_replicas, &err);
	settings_free(settings);
	if (rc == RC_OK)
		return bus;
	print_error("bus: %s\n", err.text);
	bus_close(bus);
	return NULL;
}

static inline void new_id(char text[UUID_TEXT_SIZE])
{
	struct uuid uuid = uuid_new();
	uuid_format(&uuid, text);
}

// Publishes text as a job and gives the outcome.
static inline enum rc try_publish(struct bus *bus, const char *pool, enum bus_lane lane, const char *text,
                                  int64_t timeout_ms, struct err *err)
{
	char id[UUID_TEXT_SIZE];
	char subject[64];
	new_id(id);
	(void)snprintf(subject, sizeof(subject), "jobs.%s.%s", pool, bus_lane_name(lane));
	struct bus_publication item = { .stream = BUS_STREAM_JOBS,
		                        .subject = subject,
		                        .message_id = id,
		                        .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		                        .payload = text,
		                        .length = strlen(text) };
	return bus_publish(bus, &item, deadline_after_ms(timeout_ms), err);
}

static inline void assert_text(const struct bus_message *message, const char *text)
{
	assert_int_equal(bus_message_length(message), strlen(text));
	assert_memory_equal(bus_message_data(message), text, strlen(text));
}

// CPU time of this process so far.
static inline int64_t cpu_us(void)
{
	struct timespec used;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}
