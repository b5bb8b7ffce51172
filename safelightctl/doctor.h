// The doctor's checks: each adds rows of what it looked at, what it found, and how to mend it.
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct call;
struct http_client;

struct doctor {
	const struct call *call;
	struct http_client *http;
	json_t *checks; // [{"name", "ok", "detail", "mend"?}]
};

// A row; format and what follows say what was found. mend is shown when it is not ok.
void doctor_add(struct doctor *doctor, const char *name, bool is_ok, const char *mend, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

void doctor_check_host(struct doctor *doctor);     // files, secrets, kernel, disk
void doctor_check_database(struct doctor *doctor); // schema, roles, durability, clock
void doctor_check_bus(struct doctor *doctor);      // streams, limits, token, transcoders
void doctor_check_store(struct doctor *doctor);    // buckets, who may do what, what the store can, clock
void doctor_check_redis(struct doctor *doctor);    // whether it answers, its memory, its password
void doctor_check_services(struct doctor *doctor); // readiness, the edge's refusal
