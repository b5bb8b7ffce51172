// What all of tus' calls share: the version, the headers of answers, the refusals.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"

struct http_request;
struct ingest;

// Every answer names the protocol's version. False when the client speaks another one: 412 has been answered.
bool tus_begin(struct http_request *request);

// Hand a request over to tus' pool: run(argument) answers it. 503 at once when too many wait. The handler's last act.
void tus_run(struct http_request *request, void (*run)(void *argument), void *argument);

struct tus_state {
	struct uuid upload_id;
	int64_t offset;
	int64_t size;
	int64_t expires_at; // of its upload, microseconds since the epoch
};

// Where the upload stands now, and, with 201, where it is.
void tus_answer_written(struct ingest *ingest, struct http_request *request, unsigned status,
                        const struct tus_state *state);

// 409: the upload does not stand where the client believes.
void tus_answer_elsewhere(struct http_request *request, int64_t offset);

// 404, 410 or 409: why nothing can be written to this upload. Blocks.
void tus_answer_not_open(struct ingest *ingest, struct http_request *request, const struct uuid *upload_id);
